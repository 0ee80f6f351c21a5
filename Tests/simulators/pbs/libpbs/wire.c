/* Requests, answers, and what the last answer of each connection said. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stand_in.h"

__thread int error_number;
char open_ones[CONNECTIONS];
char ended[CONNECTIONS];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
static char *texts[CONNECTIONS];	/* what pbs_geterrmsg() tells, by connection */

int *__pbs_errno_location(void)
{
	return &error_number;
}

char *pbs_geterrmsg(int c)
{
	return c >= 0 && c < CONNECTIONS ? texts[c] : NULL;
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

struct buffer request(const char *function)
{
	struct buffer made = { malloc(4096), HEADER, 4096 };
	put(&made, "libpbs");
	put(&made, function);
	return made;
}

void set_text(int connection, char *text)
{
	pthread_mutex_lock(&table);
	free(texts[connection]);
	texts[connection] = text;
	pthread_mutex_unlock(&table);
}

int failed(int connection, int code, const char *text)
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

/* One request and its answer. Returns the error code; the answer's body is to be freed. */
int exchange(int c, struct buffer *from, struct answer *answer)
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
