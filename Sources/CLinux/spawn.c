#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* posix_spawn cannot ask for a parent-death signal, and fork copies page tables. */
pid_t connector_spawn(const char *path, char *const arguments[], char *const environment[],
                      int standard_input, int standard_output, int standard_error,
                      int keeps_capabilities) {
    /* The child shares our memory until exec: that is how it hands back exec's error. */
    volatile int failure = 0;
    pid_t parent = getpid();
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);

    pid_t child = vfork();
    if (child == 0) {
        int input = standard_input >= 0 ? standard_input : open("/dev/null", O_RDONLY);
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || input < 0 || dup2(input, 0) < 0 ||
            dup2(standard_output, 1) < 0 || dup2(standard_error, 2) < 0) {
            failure = errno;
            _exit(127);
        }
        /* Of a process without ambient capabilities this changes nothing. */
        if (!keeps_capabilities) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        /* The parent may have died before prctl took effect. */
        if (getppid() != parent) _exit(127);
        struct sigaction standard = {.sa_handler = SIG_DFL};
        for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(path, arguments, environment);
        failure = errno;
        _exit(127);
    }
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (child < 0) return -error;
    if (failure != 0) {
        int status;
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
        return -failure;
    }
    return child;
}
