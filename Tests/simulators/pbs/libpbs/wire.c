/* Requests, answers, and what the last answer of each connection said. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stand_in.h"

__thread int error_number;
char open_ones[CONNECTIONS];
char ended[CONNECTIONS];

/* By connection: what its last answer said, and what pbs_geterrmsg() tells, which is not always the same. */
static char *texts[CONNECTIONS], *told[CONNECTIONS];

int *__pbs_errno_location(void)
{
	return &error_number;
}

char *pbs_geterrmsg(int c)
{
	return c >= 0 && c < CONNECTIONS ? told[c] : NULL;
}

void put(struct buffer *to, const char *field)
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

void put_number(struct buffer *to, long number)
{
	char text[24];
	snprintf(text, sizeof text, "%ld", number);
	put(to, text);
}

void put_list(struct buffer *to, const struct attrl *first)
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

struct buffer request(const char *function, enum care care)
{
	struct buffer made = { malloc(4096), HEADER, 4096, care };
	put(&made, "libpbs");
	put(&made, function);
	return made;
}

static void set(char **place, const char *text)
{
	char *copy = text ? strdup(text) : NULL;
	free(*place);
	*place = copy;
}

/* The library's unlocking: a text is told from now on, none leaves the older one. */
static void unlock(int c)
{
	if (texts[c])
		set(&told[c], texts[c]);
}

void keep_text(int c, const char *text)
{
	set(&texts[c], text);
	unlock(c);
}

void forget_texts(int c)
{
	set(&texts[c], NULL);
	set(&told[c], NULL);
}

/* pbs_submit() unlocks what it has not locked when it does not like an attribute, and that is the error that is left. */
void refuse_submission(int c, const char *text)
{
	set(&told[c], text);
	unlock(c);
	error_number = SYSTEM;
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

/*
 * Whether the server has closed the connection and nothing has been written since. Over TCP that
 * write succeeds and the end is read, and only the next one is a SIGPIPE; a Unix socket knows at once.
 */
static int first_write_after_end(int fd)
{
	char octet;
	if (ended[fd] || recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
		return 0;
	ended[fd] = 1;
	return 1;
}

/* Sends a request, which is freed, as one frame; the length goes right before the fields. */
int send_request(int fd, struct buffer *from)
{
	char length[HEADER];
	int digits = snprintf(length, sizeof length, "%zu ", from->size - HEADER);
	char *start = from->data + HEADER - digits;
	size_t left = from->size - HEADER + digits;
	memcpy(start, length, digits);
	if (first_write_after_end(fd))
		left = 0;
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

/* Reads an answer; NULL, or what is wrong with it. */
static const char *read_answer(int c, struct answer *answer, size_t *text_size)
{
	char header[64], *after = NULL;
	size_t n = 0, size, first;
	/* What comes with the first line is the beginning of the rest. */
	while (!after && n + 1 < sizeof header) {
		ssize_t got = read(c, header + n, sizeof header - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return "End of File";
		n += got;
		header[n] = '\0';
		after = memchr(header, '\n', n);
	}
	if (!after || sscanf(header, "%d %d %zu %zu\n", &answer->code, &answer->by_library, text_size, &size) != 4)
		return "Non-digit found where a digit was expected";
	after++;
	first = header + n - after;
	if (first > *text_size + size)
		first = *text_size + size;
	answer->body = calloc(1, *text_size + size + 1);
	memcpy(answer->body, after, first);
	if (read_all(c, answer->body + first, *text_size + size - first) < 0)
		return "Supporting protocol failure";
	answer->next = answer->body + *text_size;
	answer->end = answer->next + size;
	return NULL;
}

/* One request and its answer. Returns the error code; the answer's body is to be freed. */
int exchange(int c, struct buffer *from, struct answer *answer)
{
	const char *problem;
	enum care care = from->care;
	size_t text_size = 0;
	char *text;
	memset(answer, 0, sizeof *answer);
	if (c < 0 || c >= CONNECTIONS || !open_ones[c]) {
		free(from->data);
		return answer->code = error_number = c < 0 ? SYSTEM : PROTOCOL;
	}
	if (send_request(c, from) < 0) {
		if (care == VERIFIES)
			forget_texts(c);
		return answer->code = error_number = PROTOCOL;
	}
	problem = read_answer(c, answer, &text_size);
	if (problem) {
		answer->code = PROTOCOL;
		answer->by_library = 0;
	}
	text = text_size && !problem ? strndup(answer->body, text_size) : NULL;
	if (care == VERIFIES)
		set(&told[c], answer->by_library ? text : NULL);
	if (!answer->by_library) {
		set(&texts[c], problem ? problem : text);
		if (care != NEITHER)
			unlock(c);
	}
	free(text);
	return error_number = answer->code;
}

const char *take(struct answer *from)
{
	const char *field = from->next;
	if (from->next < from->end)
		from->next += strlen(from->next) + 1;
	return field;
}

/* A request that is answered by its error code alone. */
int plain(int c, struct buffer from)
{
	struct answer answer;
	int code = exchange(c, &from, &answer);
	free(answer.body);
	return code;
}
