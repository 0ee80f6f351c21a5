/* How fast PBS takes and starts jobs through its library, on one connection.
 *
 *   pbs_rate COUNT     (cc pbs_rate.c -I$PBS_EXEC/include -L$PBS_EXEC/lib -lpbs)
 *
 * Submits COUNT jobs of one cpu, waits until all run (substate 42), and prints the moments of the first
 * submission, the last one, and of all running, in seconds on CLOCK_MONOTONIC. Deletes the jobs.
 */
#include <pbs_error.h>
#include <pbs_ifl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(int connection, const char *what) {
  const char *words = connection >= 0 ? pbs_geterrmsg(connection) : NULL;
  fprintf(stderr, "pbs_rate: %s: %s (%d)\n", what, words ? words : "no words", pbs_errno);
  exit(1);
}

/* The library frees and replaces values of some attributes, so they are from malloc. */
static struct attropl *attribute(struct attropl *next, const char *name, const char *resource, const char *value) {
  struct attropl *one = calloc(1, sizeof *one);
  one->next = next;
  one->name = strdup(name);
  one->resource = resource ? strdup(resource) : NULL;
  one->value = strdup(value);
  return one;
}

static int running(int connection) {
  struct attrl wanted = {.name = "substate", .value = "", .op = SET};
  struct batch_status *jobs = pbs_statjob(connection, NULL, &wanted, NULL);
  int count = 0;
  for (struct batch_status *job = jobs; job; job = job->next)
    for (struct attrl *each = job->attribs; each; each = each->next)
      if (strcmp(each->name, "substate") == 0 && strcmp(each->value, "42") == 0) count++;
  pbs_statfree(jobs);
  return count;
}

int main(int argc, char **argv) {
  int count = argc == 2 ? atoi(argv[1]) : 0;
  if (count < 1) fail(-1, "see the head of pbs_rate.c");
  int connection = pbs_connect(NULL);
  if (connection < 0) fail(connection, "pbs_connect");
  struct attropl *job = attribute(NULL, "argument_list", NULL, "<jsdl-hpcpa:Argument>1000</jsdl-hpcpa:Argument>");
  job = attribute(job, "executable", NULL, "/bin/sleep");
  job = attribute(job, "Error_Path", NULL, "/dev/null");
  job = attribute(job, "Output_Path", NULL, "/dev/null");
  char folder[4096], variables[8192];
  if (getcwd(folder, sizeof folder) == NULL) fail(-1, "getcwd");
  snprintf(variables, sizeof variables, "PBS_O_HOME=/,PBS_O_WORKDIR=%s", folder);
  job = attribute(job, "Variable_List", NULL, variables);
  job = attribute(job, "Rerunable", NULL, "n");
  job = attribute(job, "Resource_List", "select", "1:ncpus=1:mem=1mb");
  job = attribute(job, "Job_Name", NULL, "rate");
  char **ids = calloc((size_t)count, sizeof *ids);
  double began = now();
  for (int i = 0; i < count; i++)
    if ((ids[i] = pbs_submit(connection, job, NULL, NULL, NULL)) == NULL) fail(connection, "pbs_submit");
  double submitted = now();
  while (running(connection) < count) {
    if (now() - began > 600) fail(connection, "not all jobs run after 600 s");
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
  }
  printf("%.6f %.6f %.6f\n", began, submitted, now());
  for (int i = 0; i < count; i++) pbs_deljob(connection, ids[i], "force");
  pbs_disconnect(connection);
  return 0;
}
