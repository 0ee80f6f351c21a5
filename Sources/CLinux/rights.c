#define _GNU_SOURCE
#include "CLinux.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc has no declaration of capget and capset; libcap would be one more library. */
static struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

int connector_capabilities(unsigned long long *effective) {
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) != 0) return -1;
    *effective = (unsigned long long)data[1].effective << 32 | data[0].effective;
    return 0;
}

int connector_drop_capabilities(void) {
    if (geteuid() == 0) return 0;
    struct __user_cap_data_struct none[2];
    memset(none, 0, sizeof none);
    /* Ambient ones cannot outlive inheritable ones. */
    return (int)syscall(SYS_capset, &header, none);
}

int connector_become(const char *user, uid_t least) {
    pid_t parent = getppid();
    errno = 0;
    struct passwd *entry = getpwnam(user);
    if (entry == NULL) {
        if (errno == 0) errno = ENOENT;
        return -1;
    }
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    if (uid == 0 || uid < least) {
        errno = EPERM;
        return -1;
    }
    if (initgroups(user, gid) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(uid, uid, uid) != 0 || connector_drop_capabilities() != 0)
        return -1;
    unsigned long long left = 0;
    uid_t ids[3];
    gid_t groups[3];
    if (connector_capabilities(&left) != 0 || getresuid(&ids[0], &ids[1], &ids[2]) != 0 ||
        getresgid(&groups[0], &groups[1], &groups[2]) != 0)
        return -1;
    for (int number = 0; number < 3; number++) {
        if (ids[number] != uid || groups[number] != gid || left != 0) {
            errno = EPERM;
            return -1;
        }
    }
    /* A change of the user has taken both away. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0) return -1;
    if (getppid() != parent) _exit(127);
    return 0;
}

void connector_close_from(int first) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
    /* Linux before 5.9. */
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) return;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        int descriptor = atoi(entry->d_name);
        if (descriptor >= first && descriptor != dirfd(folder)) close(descriptor);
    }
    closedir(folder);
}

static void *end_with(void *argument) {
    struct pollfd watched = {.fd = (int)(long)argument, .events = POLLRDHUP};
    while (poll(&watched, 1, -1) < 0 && errno == EINTR) {}
    _exit(0);
}

int connector_start_thread(void *(*work)(void *), void *argument) {
    /* Signals are the other threads'. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, work, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) pthread_detach(thread);
    return error;
}

int connector_end_with(int socket) {
    return connector_start_thread(end_with, (void *)(long)socket);
}
