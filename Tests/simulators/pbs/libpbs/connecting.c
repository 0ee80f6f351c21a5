/* Connections. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "stand_in.h"

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
		/* A socket that is gone is a server that does not listen. */
		errno = ECONNREFUSED;
		return -1;
	}
	open_ones[fd] = 1;
	ended[fd] = 0;
	forget_texts(fd);
	from = request("pbs_connect", VERIFIES);
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
	if (!is_configured())
		return -1;
	snprintf(name, sizeof name, "%s", server && *server ? server : pbs_default());
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
	if (c >= CONNECTIONS || !open_ones[c])
		return 0;
	from = request("pbs_disconnect", LOCKS);
	if (send_request(c, &from) == 0)
		while (read(c, &rest, 1) == 1)
			;
	forget_texts(c);
	open_ones[c] = 0;
	close(c);
	return 0;
}
