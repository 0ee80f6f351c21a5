/*
 * A stand-in for PBS's libpbs.so: the functions that the connector uses, with the ABI of
 * OpenPBS's pbs_ifl.h. It hands each call to the simulator's server over the Unix socket that
 * pbs_connect() has opened, and decides nothing itself, except what the real library decides
 * before it sends anything or when no answer comes.
 *
 * Request: decimal length, blank, then NUL-terminated fields: "libpbs", the function's name, its
 * arguments in the order of the declaration without the connection; a list is its length and then
 * the fields of each item; a string that is NULL is empty.
 * Answer: "CODE TEXT BODY\n": the error code, the lengths of its text and of the body, then both;
 * the body is NUL-terminated fields.
 *
 * As in the real library names and values of pbs_submit() must come from malloc: a path is freed
 * and replaced. SIGPIPE is not caught, and no call ends before the server has answered.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* pbs_error.h */
enum { IVALREQ = 15004, BADHOST = 15008, SYSTEM = 15010, BADATVAL = 15014, PROTOCOL = 15031, NOSERVER = 15034,
       BADSCRIPT = 15042 };

/* Lists of attributes; attropl has the same layout, and `op` counts there only. */
struct attrl {
	struct attrl *next;
	char *name, *resource, *value;
	int op;
};

struct batch_status {
	struct batch_status *next;
	char *name;
	struct attrl *attribs;
	char *text;
};

struct batch_deljob_status {
	struct batch_deljob_status *next;
	char *name;
	int code;
};

struct buffer {
	char *data;
	size_t size, room;
};

struct answer {
	int code;
	char *body, *next, *end;	/* all of it; the field that is read next; where the last one ends */
};

#define HEADER 32			/* room for a request's length */
#define CONNECTIONS 65536

static __thread int error_number;
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static char *texts[CONNECTIONS];	/* what pbs_geterrmsg() tells, by connection */
static char open_ones[CONNECTIONS];

int *__pbs_errno_location(void)
{
	return &error_number;
}

/* Where we are, and what pbs.conf and the environment say. */

static const char *directory(void)
{
	static __thread char path[PATH_MAX];
	Dl_info here;
	path[0] = '\0';
	if (dladdr(directory, &here) && here.dli_fname)
		snprintf(path, sizeof path, "%s", here.dli_fname);
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(path, '/');
		if (slash)
			*slash = '\0';
	}
	return path;
}

/* A setting, "" where there is none: of the environment, else of PBS_CONF_FILE, else of our own pbs.conf. */
static void setting(const char *name, char *value, size_t size)
{
	char path[PATH_MAX + 16], line[1024];
	const char *set = getenv(name), *conf = getenv("PBS_CONF_FILE");
	size_t length = strlen(name);
	value[0] = '\0';
	if (set && *set) {
		snprintf(value, size, "%s", set);
		return;
	}
	snprintf(path, sizeof path, "%s/pbs.conf", directory());
	FILE *file = conf && *conf ? fopen(conf, "re") : NULL;
	if (!file)
		file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, name, length) && line[length] == '=')
			snprintf(value, size, "%.*s", (int)strcspn(line + length + 1, " \t\r\n"), line + length + 1);
	if (file)
		fclose(file);
}

char *pbs_default(void)
{
	static __thread char name[256];
	char secondary[256];
	setting("PBS_PRIMARY", name, sizeof name);
	setting("PBS_SECONDARY", secondary, sizeof secondary);
	if (!name[0] || !secondary[0])
		setting("PBS_SERVER", name, sizeof name);
	return name;
}

/* Requests and answers. */

static void put(struct buffer *to, const char *field)
{
	size_t n;
	if (!field)
		field = "";
	n = strlen(field) + 1;
	while (to->size + n > to->room)
		to->data = realloc(to->data, to->room *= 2);
	memcpy(to->data + to->size, field, n);
	to->size += n;
}

static void put_number(struct buffer *to, long number)
{
	char text[24];
	snprintf(text, sizeof text, "%ld", number);
	put(to, text);
}

static void put_list(struct buffer *to, const struct attrl *first)
{
	long count = 0;
	for (const struct attrl *item = first; item; item = item->next)
		count++;
	put_number(to, count);
	for (; first; first = first->next) {
		put(to, first->name);
		put(to, first->resource);
		put(to, first->value);
		put_number(to, first->op);
	}
}

static struct buffer request(const char *function)
{
	struct buffer made = { malloc(4096), HEADER, 4096 };
	put(&made, "libpbs");
	put(&made, function);
	return made;
}

static void set_text(int connection, char *text)
{
	pthread_mutex_lock(&table);
	free(texts[connection]);
	texts[connection] = text;
	pthread_mutex_unlock(&table);
}

static int failed(int connection, int code, const char *text)
{
	if (connection >= 0 && connection < CONNECTIONS)
		set_text(connection, text ? strdup(text) : NULL);
	return error_number = code;
}

static int read_all(int fd, char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = read(fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		data += n;
		size -= n;
	}
	return 0;
}

/* Sends a request, which is freed, as one frame; the length goes right before the fields. */
static int send_request(int fd, struct buffer *from)
{
	char length[HEADER];
	int digits = snprintf(length, sizeof length, "%zu ", from->size - HEADER);
	char *start = from->data + HEADER - digits;
	size_t left = from->size - HEADER + digits;
	memcpy(start, length, digits);
	while (left > 0) {
		ssize_t n = write(fd, start, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		start += n;
		left -= n;
	}
	free(from->data);
	return left ? -1 : 0;
}

/* One request and its answer. Returns the error code; the answer's body is to be freed. */
static int exchange(int c, struct buffer *from, struct answer *answer)
{
	char header[64], *after = NULL, *text;
	size_t n = 0, text_size, size, first;
	memset(answer, 0, sizeof *answer);
	if (c < 0 || c >= CONNECTIONS || !open_ones[c]) {
		free(from->data);
		return answer->code = error_number = SYSTEM;
	}
	set_text(c, NULL);
	if (send_request(c, from) < 0)
		return answer->code = error_number = PROTOCOL;
	/* What comes with the first line is the beginning of the rest. */
	while (!after && n + 1 < sizeof header) {
		ssize_t got = read(c, header + n, sizeof header - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return answer->code = failed(c, PROTOCOL, "End of File");
		n += got;
		header[n] = '\0';
		after = memchr(header, '\n', n);
	}
	if (!after || sscanf(header, "%d %zu %zu\n", &answer->code, &text_size, &size) != 3)
		return answer->code = failed(c, PROTOCOL, "Non-digit found where a digit was expected");
	after++;
	first = header + n - after;
	answer->body = calloc(1, text_size + size + 2);
	if (first > text_size + size)
		first = text_size + size;
	memcpy(answer->body, after, first);
	answer->next = answer->body + text_size;
	answer->end = answer->next;
	if (read_all(c, answer->body + first, text_size + size - first) < 0)
		return answer->code = failed(c, PROTOCOL, "Supporting protocol failure");
	answer->end += size;
	if (text_size > 0) {
		text = strndup(answer->body, text_size);
		set_text(c, text);
	}
	return error_number = answer->code;
}

static const char *take(struct answer *from)
{
	const char *field = from->next;
	if (from->next < from->end)
		from->next += strlen(from->next) + 1;
	return field;
}

/* A request that is answered by its error code alone. */
static int plain(int c, struct buffer from)
{
	struct answer answer;
	int code = exchange(c, &from, &answer);
	free(answer.body);
	return code;
}

/* Connections. */

static int connect_to(const char *name, const char *extend)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char server[256], bare[256], path[PATH_MAX + 300];
	const char *given = getenv("PBS_SIMULATOR_SOCKET");
	struct answer answer;
	struct buffer from;
	int fd;

	snprintf(bare, sizeof bare, "%.*s", (int)strcspn(name, ":"), name);
	snprintf(path, sizeof path, "%s/pbs.conf", directory());
	FILE *file = fopen(path, "re");
	server[0] = '\0';
	while (file && fgets(path, sizeof path, file))
		sscanf(path, "PBS_SERVER=%255s", server);
	if (file)
		fclose(file);
	if (!strcmp(bare, server))
		snprintf(path, sizeof path, "%s%s", given ? given : directory(), given ? "" : "/socket");
	else
		snprintf(path, sizeof path, "%s/socket.%s", directory(), bare);
	if ((strcmp(bare, server) && access(path, F_OK) < 0) || strlen(path) >= sizeof address.sun_path) {
		error_number = BADHOST;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || fd >= CONNECTIONS || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		/* An older error stays, as in the real one. */
		if (!error_number)
			error_number = SYSTEM;
		if (fd >= 0)
			close(fd);
		return -1;
	}
	open_ones[fd] = 1;
	from = request("pbs_connect");
	put(&from, extend);
	error_number = 0;
	if (exchange(fd, &from, &answer)) {
		open_ones[fd] = 0;
		close(fd);
		fd = -1;
	}
	free(answer.body);
	return fd;
}

int pbs_connect_extend(const char *server, const char *extend)
{
	char primary[256], secondary[256], name[256];
	int fd;
	snprintf(name, sizeof name, "%s", server && *server ? server : pbs_default());
	if (!name[0]) {
		error_number = NOSERVER;
		return -1;
	}
	setting("PBS_PRIMARY", primary, sizeof primary);
	setting("PBS_SECONDARY", secondary, sizeof secondary);
	fd = connect_to(name, extend);
	if (fd < 0 && secondary[0] && !strcmp(name, primary))
		fd = connect_to(secondary, extend);
	return fd;
}

int pbs_connect(const char *server)
{
	return pbs_connect_extend(server, NULL);
}

int pbs_disconnect(int c)
{
	char rest;
	struct buffer from;
	if (c < 0)
		return 0;
	if (c >= CONNECTIONS || !open_ones[c]) {
		error_number = SYSTEM;
		return -1;
	}
	from = request("pbs_disconnect");
	if (send_request(c, &from) == 0)
		while (read(c, &rest, 1) == 1)
			;
	set_text(c, NULL);
	open_ones[c] = 0;
	close(c);
	return 0;
}

char *pbs_geterrmsg(int c)
{
	return c >= 0 && c < CONNECTIONS ? texts[c] : NULL;
}

/* Looking. */

static char *copy_or_null(const char *field)
{
	return *field ? strdup(field) : NULL;
}

static struct batch_status *statuses(int c, struct buffer from)
{
	struct answer answer;
	struct batch_status *first = NULL, **last = &first;
	if (exchange(c, &from, &answer) == 0) {
		while (answer.next < answer.end) {
			struct batch_status *made = *last = calloc(1, sizeof *made);
			struct attrl **attribute = &made->attribs;
			made->name = strdup(take(&answer));
			for (long left = atol(take(&answer)); left > 0; left--) {
				*attribute = calloc(1, sizeof **attribute);
				(*attribute)->name = strdup(take(&answer));
				(*attribute)->resource = copy_or_null(take(&answer));
				(*attribute)->value = strdup(take(&answer));
				attribute = &(*attribute)->next;
			}
			last = &made->next;
		}
	}
	free(answer.body);
	return first;
}

void pbs_statfree(struct batch_status *status)
{
	while (status) {
		struct batch_status *next = status->next;
		while (status->attribs) {
			struct attrl *attribute = status->attribs;
			status->attribs = attribute->next;
			free(attribute->name);
			free(attribute->resource);
			free(attribute->value);
			free(attribute);
		}
		free(status->name);
		free(status->text);
		free(status);
		status = next;
	}
}

static struct batch_status *stat_objects(int c, const char *function, const char *id, struct attrl *wanted, const char *extend)
{
	struct buffer from = request(function);
	put(&from, id);
	put_list(&from, wanted);
	put(&from, extend);
	return statuses(c, from);
}

struct batch_status *pbs_statjob(int c, const char *id, struct attrl *wanted, const char *extend)
{
	return stat_objects(c, "pbs_statjob", id, wanted, extend);
}

struct batch_status *pbs_statque(int c, const char *id, struct attrl *wanted, const char *extend)
{
	return stat_objects(c, "pbs_statque", id, wanted, extend);
}

struct batch_status *pbs_statserver(int c, struct attrl *wanted, const char *extend)
{
	return stat_objects(c, "pbs_statserver", NULL, wanted, extend);
}

struct batch_status *pbs_statvnode(int c, const char *id, struct attrl *wanted, const char *extend)
{
	return stat_objects(c, "pbs_statvnode", id, wanted, extend);
}

struct batch_status *pbs_stathost(int c, const char *id, struct attrl *wanted, const char *extend)
{
	return stat_objects(c, "pbs_stathost", id, wanted, extend);
}

struct batch_status *pbs_selstat(int c, struct attrl *criteria, struct attrl *wanted, const char *extend)
{
	struct buffer from = request("pbs_selstat");
	put_list(&from, criteria);
	put_list(&from, wanted);
	put(&from, extend);
	return statuses(c, from);
}

char **pbs_selectjob(int c, struct attrl *criteria, const char *extend)
{
	struct buffer from = request("pbs_selectjob");
	struct answer answer;
	char **ids = NULL;
	put_list(&from, criteria);
	put(&from, extend);
	if (exchange(c, &from, &answer) == 0) {
		size_t count = 0;
		ids = malloc((answer.end - answer.next + 1) * sizeof *ids);
		while (answer.next < answer.end)
			ids[count++] = strdup(take(&answer));
		ids[count] = NULL;
	}
	free(answer.body);
	return ids;
}

/* Submitting. */

/* "HOST:/absolute/path", as prepare_path() makes it; NULL where that is none. To be freed. */
static char *prepared_path(const char *path)
{
	char text[PATH_MAX * 2 + 300], cwd[PATH_MAX];
	const char *colon = strchr(path, ':');
	size_t host = strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");
	if (!path[strspn(path, " \t\n")] || (colon && path[host] != ':' && path[host] != '/'))
		return NULL;
	if (colon && path[host] == ':')
		return strdup(path);
	if (path[0] == '/')
		snprintf(text, sizeof text, "%s:%s", pbs_default(), path);
	else
		snprintf(text, sizeof text, "%s:%s/%s", pbs_default(), getcwd(cwd, sizeof cwd) ? cwd : "", path);
	return strdup(text);
}

static int is_path(const struct attrl *attribute)
{
	return attribute->name && (!strcasecmp(attribute->name, "Output_Path") || !strcasecmp(attribute->name, "Error_Path"));
}

/* The script's text, NULL where it cannot be read. To be freed. */
static char *script_text(const char *path)
{
	struct buffer text = { malloc(4096), 0, 4096 };
	FILE *file = fopen(path, "re");
	size_t n = 1;
	while (file && n > 0) {
		if (text.room - text.size < 2048)
			text.data = realloc(text.data, text.room *= 2);
		n = fread(text.data + text.size, 1, text.room - text.size - 1, file);
		text.size += n;
	}
	text.data[text.size] = '\0';
	if (!file) {
		free(text.data);
		return NULL;
	}
	fclose(file);
	return text.data;
}

char *pbs_submit(int c, struct attrl *attributes, const char *script, const char *destination, const char *extend)
{
	struct answer answer;
	struct buffer from;
	char *id = NULL, *text = NULL;
	for (struct attrl *item = attributes; item; item = item->next) {
		char *path = is_path(item) && item->value ? prepared_path(item->value) : NULL;
		if (is_path(item) && !path) {
			failed(c, BADATVAL, "Illegal attribute or resource value");
			return NULL;
		}
		if (path) {
			free(item->value);
			item->value = path;
		}
		item->op = 0;
	}
	if (script && *script && !(text = script_text(script))) {
		failed(c, BADSCRIPT, "cannot access script file");
		return NULL;
	}
	from = request("pbs_submit");
	put_list(&from, attributes);
	put(&from, text);
	put(&from, destination);
	put(&from, extend);
	if (exchange(c, &from, &answer) == 0)
		id = strdup(take(&answer));
	free(answer.body);
	free(text);
	return id;
}

/* Changing. */

static int ask_of_job(int c, const char *function, const char *id, const char *what, const char *extend)
{
	struct buffer from;
	if (!id || !*id)
		return error_number = IVALREQ;
	from = request(function);
	put(&from, id);
	if (what)
		put(&from, what);
	put(&from, extend);
	return plain(c, from);
}

int pbs_deljob(int c, const char *id, const char *extend)
{
	return ask_of_job(c, "pbs_deljob", id, NULL, extend);
}

int pbs_movejob(int c, const char *id, const char *destination, const char *extend)
{
	return ask_of_job(c, "pbs_movejob", id, destination ? destination : "", extend);
}

int pbs_holdjob(int c, const char *id, const char *kinds, const char *extend)
{
	return ask_of_job(c, "pbs_holdjob", id, kinds && *kinds ? kinds : "u", extend);
}

int pbs_rlsjob(int c, const char *id, const char *kinds, const char *extend)
{
	return ask_of_job(c, "pbs_rlsjob", id, kinds && *kinds ? kinds : "u", extend);
}

int pbs_sigjob(int c, const char *id, const char *name, const char *extend)
{
	return name ? ask_of_job(c, "pbs_sigjob", id, name, extend) : (error_number = IVALREQ);
}

int pbs_alterjob(int c, const char *id, struct attrl *attributes, const char *extend)
{
	struct buffer from;
	if (!id || !*id)
		return error_number = IVALREQ;
	from = request("pbs_alterjob");
	put(&from, id);
	put_list(&from, attributes);
	put(&from, extend);
	return plain(c, from);
}

/* Those that could not be deleted, the last one first. */
struct batch_deljob_status *pbs_deljoblist(int c, char **ids, int count, const char *extend)
{
	struct batch_deljob_status *first = NULL;
	struct answer answer;
	struct buffer from;
	if (!ids || !*ids || !**ids || c < 0)
		return NULL;
	from = request("pbs_deljoblist");
	put_number(&from, count);
	for (int i = 0; i < count; i++)
		put(&from, ids[i]);
	put(&from, extend);
	exchange(c, &from, &answer);
	while (answer.next < answer.end) {
		struct batch_deljob_status *made = malloc(sizeof *made);
		made->name = strdup(take(&answer));
		made->code = atoi(take(&answer));
		made->next = first;
		first = made;
	}
	free(answer.body);
	return first;
}

void pbs_delstatfree(struct batch_deljob_status *status)
{
	while (status) {
		struct batch_deljob_status *next = status->next;
		free(status->name);
		free(status);
		status = next;
	}
}
