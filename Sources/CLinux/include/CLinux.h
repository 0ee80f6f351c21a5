#ifndef CONNECTOR_LINUX_H
#define CONNECTOR_LINUX_H

/* Calls of Linux that Swift's Glibc module does not show. */

#include <sys/types.h>

/* Starts the program at path (absolute) with these arguments and environment, and with these
 * descriptors as standard input (-1: /dev/null), output and error. The child is
 * killed by the kernel (SIGKILL) when the calling thread ends, so that no command
 * outlives the process that asked for it. Capabilities that this process was started with
 * (ambient ones, as of a service unit) are the child's only where keeps_capabilities is not 0.
 * Returns the child's process id, or -errno, exec's own failure included. */
pid_t connector_spawn(const char *path, char *const arguments[], char *const environment[],
                      int standard_input, int standard_output, int standard_error,
                      int keeps_capabilities);

/* The effective capabilities of this process: bit N is capability N (capabilities(7)). Returns 0,
 * or -1 and errno. */
int connector_capabilities(unsigned long long *effective);

/* Makes this process, which has one thread, that user's for good: his groups, his ids, no
 * capability, and nobody of that user may look into it (PR_SET_DUMPABLE). As before, it is killed
 * when its parent ends, where the parent may do that; a parent that has ended already counts as one
 * that ends now. Returns 0; or -1 and errno, and then the process is good for nothing but its end:
 * EPERM for root and for user ids below least, ENOENT for a name that nobody has. */
int connector_become(const char *user, uid_t least);

/* Gives up all capabilities for good, unless this process is root's. Returns 0, or -1 and errno. */
int connector_drop_capabilities(void);

/* Closes all descriptors from this number on. */
void connector_close_from(int first);

/* Ends this process at once, from a thread of its own, when the other end of the socket is closed:
 * also one that may not be killed by whoever has that end. Returns 0, or an error's number. */
int connector_end_with(int socket);

/* Runs work(argument) on a thread of its own, which gets no signals and is not waited for. Returns 0 or
 * an errno value. */
int connector_start_thread(void *(*work)(void *), void *argument);

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

/* Gives each job that Swift's concurrency has for its global thread pool to a function instead.
   Returns 0, or -1 where this Swift has no such hook. */
int connector_take_global_jobs(void (*function)(void *job));

#endif
