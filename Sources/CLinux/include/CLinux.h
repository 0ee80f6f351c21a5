#ifndef CONNECTOR_LINUX_H
#define CONNECTOR_LINUX_H

/* Calls of Linux that Swift's Glibc module does not show. */

#include <sys/types.h>

/* Starts the program at path (absolute) with these arguments and environment, and with these
 * descriptors as standard input (-1: /dev/null), output and error. The child is
 * killed by the kernel (SIGKILL) when the calling thread ends, so that no command
 * outlives the process that asked for it. Returns the child's process id, or -errno,
 * exec's own failure included. */
pid_t connector_spawn(const char *path, char *const arguments[], char *const environment[],
                      int standard_input, int standard_output, int standard_error);

/* The next connection on a listening socket, non-blocking and closed on exec; -1 and errno
 * when there is none (accept4). */
int connector_accept(int listener);

/* A pipe whose ends are closed on exec (pipe2). Returns 0, or -1 and errno. */
int connector_pipe(int ends[2]);

/* Two connected stream sockets that are closed on exec (socketpair). Returns 0, or -1 and errno. */
int connector_socketpair(int ends[2]);

/* A non-blocking counter to wake another thread with (eventfd); -1 and errno when there
 * is none. */
int connector_eventfd(void);

/* The user and process at the other end of a Unix socket (SO_PEERCRED). Returns 0, or -1
 * and errno. */
int connector_peer(int descriptor, uid_t *user, pid_t *process);

#endif
