/*
 * The PBS commands of the simulator: one program under many names, which hands
 * its call to the simulator's server over a Unix socket and prints the answer.
 * It decides nothing itself, except what PBS's own clients say when no server
 * answers: then there is nobody to ask.
 *
 * Request: decimal length, blank, then NUL-terminated fields: argv[0], working
 * directory, number of arguments, the arguments, the environment.
 * Answer:  "stdin\n" (the server wants standard input: its octets follow as one
 * more frame), or "kill\n" (die by SIGKILL), or "STATUS OUT ERR\n" and that many
 * octets of standard output and standard error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static char directory[PATH_MAX];	/* of the executable's parent: PBS_EXEC */
static char server[256] = "";		/* name in DIRECTORY/pbs.conf */

static void write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;		/* nobody reads: what the answer says still counts */
		data += n;
		size -= n;
	}
}

/* Reads until the end of file; the result is NUL-terminated. */
static char *read_all(int fd, size_t *size)
{
	size_t room = 65536;
	char *data = malloc(room);
	*size = 0;
	for (;;) {
		if (*size + 1 >= room)
			data = realloc(data, room *= 2);
		ssize_t n = read(fd, data + *size, room - *size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		*size += n;
	}
	data[*size] = '\0';
	return data;
}

static void find_directory(void)
{
	ssize_t n = readlink("/proc/self/exe", directory, sizeof directory - 1);
	directory[n < 0 ? 0 : n] = '\0';
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(directory, '/');
		if (slash)
			*slash = '\0';
	}
	char path[PATH_MAX + 16], line[512];
	snprintf(path, sizeof path, "%s/pbs.conf", directory);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		sscanf(line, "PBS_SERVER=%255s", server);
	if (file)
		fclose(file);
}

/* What the real client says of a server that refuses the connection (its cnt2server()). */
static int no_server(const char *program, int argc, char **argv, const char *name)
{
	int jobs = 0, json = 0, times = 1;
	for (int i = 1; i < argc; i++) {
		jobs += argv[i][0] >= '0' && argv[i][0] <= '9';
		json += strcasestr(argv[i], "json") != NULL;
	}
	int qstat = !strcmp(program, "qstat"), each = !strcmp(program, "qsub") || !strcmp(program, "qselect")
		|| !strcmp(program, "qdel") || !strcmp(program, "pbsnodes");
	if (!each && jobs > 1)
		times = jobs;
	for (int i = 0; i < times; i++) {
		fprintf(stderr, "Connection refused\n");
		if (!strcmp(program, "qdel"))
			fprintf(stderr, "Couldn't connect to cluster: %s\n", name);
		else if (!strcmp(program, "pbsnodes"))
			fprintf(stderr, "%s: cannot connect to server %s, error=15010\n", argv[0], name);
		else if (!strcmp(program, "qrun"))
			fprintf(stderr, "qrun: could not connect to server %s (15010)\n", "");
		else
			fprintf(stderr, "%s: cannot connect to server %s (errno=15010)\n", program, name);
	}
	if (qstat && json)
		printf("{\n\t\"timestamp\":\t%ld,\n\t\"pbs_version\":\t\"23.06.06\",\n\t\"pbs_server\":\t\"%s\"\n}\n",
			(long)time(NULL), name);
	return qstat ? 255 : !strcmp(program, "pbsnodes") ? 1 : !strcmp(program, "qrun") ? 2 : 15010 & 255;
}

static void append(char **data, size_t *size, const char *field)
{
	size_t n = strlen(field) + 1;
	*data = realloc(*data, *size + n);
	memcpy(*data + *size, field, n);
	*size += n;
}

static void send_frame(int fd, const char *data, size_t size)
{
	char *frame = malloc(size + 32);	/* one write, so that the server mostly needs one read */
	int n = snprintf(frame, 32, "%zu ", size);
	memcpy(frame + n, data, size);
	write_all(fd, frame, n + size);
	free(frame);
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *program = slash ? slash + 1 : argv[0];
	signal(SIGPIPE, SIG_IGN);
	find_directory();
	const char *wanted = getenv("PBS_SERVER");
	if (!wanted || !*wanted)
		wanted = server;

	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("PBS_SIMULATOR_SOCKET");
	int n = path ? snprintf(address.sun_path, sizeof address.sun_path, "%s", path)
		: snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", directory);
	if (n >= (int)sizeof address.sun_path) {
		fprintf(stderr, "%s: the path of the simulator's socket is too long\n", program);
		return 111;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (strcmp(wanted, server) || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return no_server(program, argc, argv, wanted);

	char *request = NULL, text[PATH_MAX];
	size_t size = 0;
	append(&request, &size, argv[0]);
	append(&request, &size, getcwd(text, sizeof text) ? text : "/");
	snprintf(text, sizeof text, "%d", argc - 1);
	append(&request, &size, text);
	for (int i = 1; i < argc; i++)
		append(&request, &size, argv[i]);
	for (char **variable = environ; *variable; variable++)
		append(&request, &size, *variable);
	send_frame(fd, request, size);

	char *answer = NULL;
	size_t length = 0;
	char first[8] = "";
	if (recv(fd, first, 6, MSG_PEEK | MSG_WAITALL) == 6 && !strncmp(first, "stdin\n", 6)) {
		recv(fd, first, 6, MSG_WAITALL);
		size_t input_size;
		char *input = read_all(0, &input_size);
		send_frame(fd, input, input_size);
	}
	answer = read_all(fd, &length);
	if (!strncmp(answer, "kill\n", 5)) {
		raise(SIGKILL);
	}
	int status;
	size_t out, err;
	char *body = memchr(answer, '\n', length);
	if (!body || sscanf(answer, "%d %zu %zu", &status, &out, &err) != 3
	    || (size_t)(answer + length - body - 1) < out + err) {
		/* The server went away in the middle: PBSE_PROTOCOL or no text at all. */
		fprintf(stderr, "%s: Error (%d) from server\n", program, 15031);
		return 15031 & 255;
	}
	write_all(2, body + 1 + out, err);
	write_all(1, body + 1, out);
	return status;
}
