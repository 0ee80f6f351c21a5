/* Where we are, and what pbs.conf and the environment say. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stand_in.h"

/* PBS_EXEC: the parent of the folder that we are in. */
const char *directory(void)
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
void setting(const char *name, char *value, size_t size)
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
	FILE *file = fopen(conf && *conf ? conf : path, "re");
	while (file && fgets(line, sizeof line, file))
		if (!strncmp(line, name, length) && line[length] == '=')
			snprintf(value, size, "%.*s", (int)strcspn(line + length + 1, " \t\r\n"), line + length + 1);
	if (file)
		fclose(file);
}

/* Whether there is what PBS cannot do without; else it is said which settings are missing, and there is no error's number. */
int is_configured(void)
{
	static const char *const needed[] = { "PBS_HOME", "PBS_EXEC", "PBS_SERVER" };
	char value[PATH_MAX], missing[64] = "";
	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
		setting(needed[i], value, sizeof value);
		if (!value[0])
			sprintf(missing + strlen(missing), " %s", needed[i]);
	}
	if (missing[0])
		fprintf(stderr, "pbsconf error: pbs conf variables not found:%s\n", missing);
	return !missing[0];
}

char *pbs_default(void)
{
	static __thread char name[256];
	char secondary[256];
	if (!is_configured())
		return NULL;
	setting("PBS_PRIMARY", name, sizeof name);
	setting("PBS_SECONDARY", secondary, sizeof secondary);
	if (!name[0] || !secondary[0])
		setting("PBS_SERVER", name, sizeof name);
	return name;
}
