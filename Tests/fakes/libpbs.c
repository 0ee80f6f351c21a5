/* A libpbs.so for tests, which knows what the files in $PBS_FAKE_FOLDER say and notes its calls
 * there, in "calls". It answers from "jobs", "vnodes" and "server": an object a line, its name and
 * then NAME=VALUE or NAME.RESOURCE=VALUE, all separated by tabs. "trouble" holds a word for each
 * call that is to go wrong, which is taken with it: FUNCTION:hang, FUNCTION:crash, FUNCTION:eof, or
 * FUNCTION:CODE:WORDS. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

struct attribute {
    struct attribute *next;
    char *name, *resource, *value;
    int operator;
};
struct object {
    struct object *next;
    char *name;
    struct attribute *attributes;
    char *text;
};

static int code;
static char words[1000];

int *__pbs_errno_location(void) { return &code; }

static FILE *file(const char *name, const char *mode) {
    char path[4096];
    const char *folder = getenv("PBS_FAKE_FOLDER");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", name);
    return fopen(path, mode);
}

static void note(const char *format, ...) {
    FILE *calls = file("calls", "a");
    if (calls == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(calls, format, arguments);
    va_end(arguments);
    fputc('\n', calls);
    fclose(calls);
}

/* Whether this call goes wrong now. */
static int trouble(const char *function) {
    char lines[64][256];
    int count = 0, found = -1;
    FILE *in = file("trouble", "r");
    words[0] = 0;
    code = 0;
    if (in == NULL) return 0;
    while (count < 64 && fgets(lines[count], sizeof lines[0], in)) {
        size_t length = strlen(function);
        if (found < 0 && strncmp(lines[count], function, length) == 0 &&
            lines[count][length] == ':')
            found = count;
        count++;
    }
    fclose(in);
    if (found < 0) return 0;
    FILE *out = file("trouble", "w");
    for (int i = 0; i < count; i++)
        if (i != found) fputs(lines[i], out);
    fclose(out);
    char *what = strchr(lines[found], ':') + 1;
    what[strcspn(what, "\n")] = 0;
    if (strcmp(what, "hang") == 0)
        for (;;) pause();
    if (strcmp(what, "crash") == 0) abort();
    if (strcmp(what, "eof") == 0) {
        code = 15031;
        return 1;
    }
    code = atoi(what);
    char *text = strchr(what, ':');
    if (text) snprintf(words, sizeof words, "%s", text + 1);
    return 1;
}

/* Who this process is: its status, environment and descriptors, in "process.USER" with its uid. */
static void note_process(void) {
    char name[64], line[4096];
    snprintf(name, sizeof name, "process.%d", (int)getuid());
    FILE *out = file(name, "w");
    FILE *status = fopen("/proc/self/status", "r");
    DIR *open_ones = opendir("/proc/self/fd");
    if (out == NULL || status == NULL || open_ones == NULL) return;
    while (fgets(line, sizeof line, status)) fputs(line, out);
    for (char **variable = environ; *variable; variable++) fprintf(out, "%s\n", *variable);
    struct dirent *entry;
    while ((entry = readdir(open_ones)) != NULL) {
        int descriptor = atoi(entry->d_name);
        /* Its own two and the folder are open now as well. */
        if (entry->d_name[0] != '.' && descriptor != fileno(out) && descriptor != fileno(status) &&
            descriptor != dirfd(open_ones))
            fprintf(out, "open %d\n", descriptor);
    }
    fprintf(out, "dumpable %d\n", prctl(PR_GET_DUMPABLE));
    closedir(open_ones);
    fclose(status);
    fclose(out);
}

int pbs_connect(const char *server) {
    (void)server;
    note("pbs_connect");
    note_process();
    if (trouble("pbs_connect")) {
        if (words[0]) fprintf(stderr, "%s\n", words);
        errno = code < 15000 ? code : 0;
        /* As the real one: PBSE_SYSTEM, whatever it was. */
        if (code < 15000) code = 15010;
        return -1;
    }
    return 7;
}

int pbs_disconnect(int connection) { return connection < 0; }

char *pbs_geterrmsg(int connection) {
    (void)connection;
    return words[0] ? words : NULL;
}

char *pbs_submit(int connection, struct attribute *attributes, const char *script,
                 const char *destination, const char *extend) {
    (void)connection, (void)extend;
    for (struct attribute *a = attributes; a; a = a->next) {
        note("  %s%s%s=%s", a->name, a->resource ? "." : "", a->resource ? a->resource : "",
             a->value);
        /* As the real one does it with paths: what is not from malloc would crash here. */
        char *again = strdup(a->value);
        free(a->value);
        a->value = again;
    }
    note("pbs_submit %s %s", script ? script : "-", destination ? destination : "-");
    return trouble("pbs_submit") ? NULL : strdup("5.pbsserver");
}

int pbs_deljob(int connection, const char *id, const char *extend) {
    (void)connection;
    note("pbs_deljob %s %s", id, extend ? extend : "-");
    return trouble("pbs_deljob") ? code : 0;
}

int pbs_alterjob(int connection, const char *id, struct attribute *attributes,
                 const char *extend) {
    (void)connection, (void)extend;
    char text[1000] = "";
    for (struct attribute *a = attributes; a; a = a->next)
        snprintf(text + strlen(text), sizeof text - strlen(text), " %s%s%s=%s", a->name,
                 a->resource ? "." : "", a->resource ? a->resource : "", a->value);
    note("pbs_alterjob %s%s", id, text);
    return trouble("pbs_alterjob") ? code : 0;
}

static int changed(const char *function, const char *id, const char *what) {
    note("%s %s %s", function, id, what);
    return trouble(function) ? code : 0;
}

int pbs_movejob(int connection, const char *id, const char *destination, const char *extend) {
    (void)connection, (void)extend;
    return changed("pbs_movejob", id, destination);
}

int pbs_holdjob(int connection, const char *id, const char *kinds, const char *extend) {
    (void)connection, (void)extend;
    return changed("pbs_holdjob", id, kinds);
}

int pbs_rlsjob(int connection, const char *id, const char *kinds, const char *extend) {
    (void)connection, (void)extend;
    return changed("pbs_rlsjob", id, kinds);
}

static struct attribute *attribute(char *text) {
    char *equals = strchr(text, '=');
    if (equals == NULL) return NULL;
    *equals = 0;
    char *dot = strchr(text, '.');
    if (dot) *dot = 0;
    struct attribute *a = calloc(1, sizeof *a);
    a->name = strdup(text);
    a->resource = dot ? strdup(dot + 1) : NULL;
    a->value = strdup(equals + 1);
    return a;
}

/* The objects of a file, in order; of those the ones that ids names, where it names any. */
static struct object *read_objects(const char *name, const char *ids, long since) {
    FILE *in = file(name, "r");
    struct object *first = NULL, **last = &first;
    char *line = NULL;
    size_t size = 0;
    while (in && getline(&line, &size, in) > 0) {
        char *rest = line, *field;
        line[strcspn(line, "\n")] = 0;
        struct object *o = calloc(1, sizeof *o);
        struct attribute **next = &o->attributes;
        o->name = strdup(strsep(&rest, "\t"));
        long changed = 0;
        int ended = 0;
        while ((field = strsep(&rest, "\t")) != NULL) {
            if ((*next = attribute(field)) == NULL) continue;
            if (strcmp((*next)->name, "mtime") == 0) changed = atol((*next)->value);
            if (strcmp((*next)->name, "job_state") == 0) ended = (*next)->value[0] == 'F';
            next = &(*next)->next;
        }
        int named = 1;
        if (ids) {
            char list[65536];
            snprintf(list, sizeof list, ",%s,", ids);
            char id[1000];
            snprintf(id, sizeof id, ",%s,", o->name);
            named = strstr(list, id) != NULL;
        }
        if (!named || (since > 0 && changed < since) || (since == 0 && ended)) continue;
        *last = o;
        last = &o->next;
    }
    free(line);
    if (in) fclose(in);
    return first;
}

struct object *pbs_selstat(int connection, struct attribute *criteria, struct attribute *wanted,
                           const char *extend) {
    (void)connection, (void)wanted;
    long since = 0;
    char text[1000] = "";
    for (struct attribute *a = criteria; a; a = a->next) {
        snprintf(text + strlen(text), sizeof text - strlen(text), " %s%s%s/%d/%s", a->name,
                 a->resource ? "." : "", a->resource ? a->resource : "", a->operator, a->value);
        if (strcmp(a->name, "mtime") == 0) since = atol(a->value);
    }
    note("pbs_selstat%s %s", text, extend ? extend : "-");
    return trouble("pbs_selstat") ? NULL : read_objects("jobs", NULL, since);
}

struct object *pbs_statjob(int connection, const char *ids, struct attribute *wanted,
                           const char *extend) {
    (void)connection, (void)wanted;
    note("pbs_statjob %s %s", ids, extend ? extend : "-");
    if (trouble("pbs_statjob")) return NULL;
    struct object *objects = read_objects("jobs", ids, -1);
    if (objects == NULL) {
        code = 15001;
        snprintf(words, sizeof words, "Unknown Job Id");
    }
    return objects;
}

struct object *pbs_statserver(int connection, struct attribute *wanted, const char *extend) {
    (void)connection, (void)wanted, (void)extend;
    note("pbs_statserver");
    return trouble("pbs_statserver") ? NULL : read_objects("server", NULL, -1);
}

struct object *pbs_statque(int connection, const char *id, struct attribute *wanted,
                             const char *extend) {
    (void)connection, (void)id, (void)wanted, (void)extend;
    note("pbs_statque");
    return trouble("pbs_statque") ? NULL : read_objects("queues", NULL, -1);
}

struct object *pbs_statvnode(int connection, const char *id, struct attribute *wanted,
                             const char *extend) {
    (void)connection, (void)id, (void)wanted, (void)extend;
    note("pbs_statvnode");
    return trouble("pbs_statvnode") ? NULL : read_objects("vnodes", NULL, -1);
}

int pbs_manager(int connection, int command, int type, const char *name,
                struct attribute *attributes, const char *extend) {
    (void)connection, (void)attributes, (void)extend;
    note("pbs_manager %d %d %s", command, type, name);
    return trouble("pbs_manager") ? code : 0;
}

#ifndef WITHOUT_STATFREE
void pbs_statfree(struct object *object) {
    while (object) {
        struct object *next = object->next;
        for (struct attribute *a = object->attributes; a;) {
            struct attribute *following = a->next;
            free(a->name);
            free(a->resource);
            free(a->value);
            free(a);
            a = following;
        }
        free(object->name);
        free(object);
        object = next;
    }
}
#endif
