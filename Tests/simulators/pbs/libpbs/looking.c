/* Looking at jobs, hosts, queues and the server. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "stand_in.h"

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
	struct buffer from = request(function, VERIFIES);
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
	struct buffer from = request("pbs_selstat", VERIFIES);
	put_list(&from, criteria);
	put_list(&from, wanted);
	put(&from, extend);
	return statuses(c, from);
}

char **pbs_selectjob(int c, struct attrl *criteria, const char *extend)
{
	struct buffer from = request("pbs_selectjob", VERIFIES);
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
