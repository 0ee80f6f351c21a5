/* Submitting jobs and changing them. */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "stand_in.h"

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
	struct buffer text = { malloc(4096), 0, 4096, LOCKS };
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
			refuse_submission(c, "Illegal attribute or resource value");
			return NULL;
		}
		if (path) {
			free(item->value);
			item->value = path;
		}
		item->op = 0;
	}
	if (script && *script && !(text = script_text(script))) {
		keep_text(c, "cannot access script file");
		error_number = BADSCRIPT;
		return NULL;
	}
	from = request("pbs_submit", VERIFIES);
	put_list(&from, attributes);
	put(&from, text);
	put(&from, destination);
	put(&from, extend);
	if (exchange(c, &from, &answer) == 0)
		id = strdup(take(&answer));
	else if (answer.by_library)
		refuse_submission(c, pbs_geterrmsg(c));
	free(answer.body);
	free(text);
	return id;
}

static int ask_of_job(int c, const char *function, enum care care, const char *id, const char *what, const char *extend)
{
	struct buffer from;
	if (!id || !*id)
		return error_number = IVALREQ;
	from = request(function, care);
	put(&from, id);
	put(&from, what);
	put(&from, extend);
	return plain(c, from);
}

int pbs_movejob(int c, const char *id, const char *destination, const char *extend)
{
	return ask_of_job(c, "pbs_movejob", LOCKS, id, destination ? destination : "", extend);
}

int pbs_holdjob(int c, const char *id, const char *kinds, const char *extend)
{
	return ask_of_job(c, "pbs_holdjob", VERIFIES, id, kinds && *kinds ? kinds : "u", extend);
}

int pbs_rlsjob(int c, const char *id, const char *kinds, const char *extend)
{
	return ask_of_job(c, "pbs_rlsjob", VERIFIES, id, kinds && *kinds ? kinds : "u", extend);
}

int pbs_sigjob(int c, const char *id, const char *name, const char *extend)
{
	return name ? ask_of_job(c, "pbs_sigjob", LOCKS, id, name, extend) : (error_number = IVALREQ);
}

int pbs_alterjob(int c, const char *id, struct attrl *attributes, const char *extend)
{
	struct buffer from;
	if (!id || !*id)
		return error_number = IVALREQ;
	from = request("pbs_alterjob", VERIFIES);
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
	from = request("pbs_deljoblist", NEITHER);
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

/* Beware: it returns 0 as well when no answer has come, and pbs_errno alone tells. */
int pbs_deljob(int c, const char *id, const char *extend)
{
	char *ids[] = { (char *)id, NULL };
	struct batch_deljob_status *status;
	int code;
	if (!id || !*id)
		return error_number = IVALREQ;
	status = pbs_deljoblist(c, ids, 1, extend);
	code = status ? status->code : 0;
	pbs_delstatfree(status);
	return code;
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

int pbs_manager(int c, int command, int type, const char *name, struct attrl *attributes, const char *extend)
{
	struct buffer from = request("pbs_manager", VERIFIES);
	put_number(&from, command);
	put_number(&from, type);
	put(&from, name);
	put_list(&from, attributes);
	put(&from, extend);
	return plain(c, from);
}
