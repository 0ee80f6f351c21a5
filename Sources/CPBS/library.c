#include "CPBS.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

/* The functions by their types in pbs_ifl.h. What is const char * there in newer versions was
 * char * in older ones; callers see no difference. */
static struct {
    int *(*error)(void);
    int (*connect)(const char *);
    char *(*words)(int);
    char *(*submit)(int, struct pbs_attribute *, const char *, const char *, const char *);
    int (*delete)(int, const char *, const char *);
    int (*alter)(int, const char *, struct pbs_attribute *, const char *);
    int (*move)(int, const char *, const char *, const char *);
    int (*hold)(int, const char *, const char *, const char *);
    int (*release)(int, const char *, const char *, const char *);
    int (*manager)(int, int, int, const char *, struct pbs_attribute *, const char *);
    struct pbs_object *(*select)(int, struct pbs_attribute *, struct pbs_attribute *,
                                 const char *);
    struct pbs_object *(*jobs)(int, const char *, struct pbs_attribute *, const char *);
    struct pbs_object *(*server)(int, struct pbs_attribute *, const char *);
    struct pbs_object *(*queues)(int, const char *, struct pbs_attribute *, const char *);
    struct pbs_object *(*vnodes)(int, const char *, struct pbs_attribute *, const char *);
    void (*free)(struct pbs_object *);
} library;

int pbs_library_open(const char *path, char *words, size_t size) {
    const struct {
        const char *name;
        void **function;
    } symbols[] = {
        {"__pbs_errno_location", (void **)&library.error},
        {"pbs_connect", (void **)&library.connect},
        {"pbs_geterrmsg", (void **)&library.words},
        {"pbs_submit", (void **)&library.submit},
        {"pbs_deljob", (void **)&library.delete},
        {"pbs_alterjob", (void **)&library.alter},
        {"pbs_movejob", (void **)&library.move},
        {"pbs_holdjob", (void **)&library.hold},
        {"pbs_rlsjob", (void **)&library.release},
        {"pbs_manager", (void **)&library.manager},
        {"pbs_selstat", (void **)&library.select},
        {"pbs_statjob", (void **)&library.jobs},
        {"pbs_statserver", (void **)&library.server},
        {"pbs_statque", (void **)&library.queues},
        {"pbs_statvnode", (void **)&library.vnodes},
        {"pbs_statfree", (void **)&library.free},
    };
    /* Global: what libpbs opens itself, for authentication, may need its symbols. */
    void *handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(words, size, "%s", reason ? reason : "it cannot be opened");
        return -1;
    }
    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        *symbols[i].function = dlsym(handle, symbols[i].name);
        if (*symbols[i].function == NULL) {
            snprintf(words, size, "%s: it has no %s", path, symbols[i].name);
            return -1;
        }
    }
    return 0;
}

int pbs_library_error(void) { return *library.error(); }

int pbs_library_connect(int *system_error) {
    *library.error() = 0;
    errno = 0;
    int connection = library.connect(NULL);
    *system_error = errno;
    return connection;
}

const char *pbs_library_words(int connection) { return library.words(connection); }

char *pbs_library_submit(int connection, struct pbs_attribute *attributes, const char *queue) {
    *library.error() = 0;
    return library.submit(connection, attributes, NULL, queue, NULL);
}

int pbs_library_delete(int connection, const char *id, const char *extend) {
    *library.error() = 0;
    int code = library.delete(connection, id, extend);
    /* OpenPBS 23 returns 0 when the request could not even be sent, and sets only this. */
    return code != 0 ? code : *library.error();
}

/* The number is set where the request could not be sent, too. */
static int told(int code) { return code != 0 ? code : *library.error(); }

int pbs_library_alter(int connection, const char *id, struct pbs_attribute *attributes) {
    *library.error() = 0;
    return told(library.alter(connection, id, attributes, NULL));
}

int pbs_library_move(int connection, const char *id, const char *destination) {
    *library.error() = 0;
    return told(library.move(connection, id, destination, NULL));
}

int pbs_library_hold(int connection, const char *id, const char *kinds) {
    *library.error() = 0;
    return told(library.hold(connection, id, kinds, NULL));
}

int pbs_library_release(int connection, const char *id, const char *kinds) {
    *library.error() = 0;
    return told(library.release(connection, id, kinds, NULL));
}

/* pbs_ifl.h's MGR_CMD_SET, MGR_OBJ_NODE and MGR_OBJ_HOST. */
enum { manager_set = 2, manager_vnode = 3, manager_host = 7 };

int pbs_library_set_host(int connection, const char *host, struct pbs_attribute *attributes) {
    *library.error() = 0;
    return told(
        library.manager(connection, manager_set, manager_host, host, attributes, NULL));
}

int pbs_library_set_vnode(int connection, const char *vnode, struct pbs_attribute *attributes) {
    *library.error() = 0;
    return told(
        library.manager(connection, manager_set, manager_vnode, vnode, attributes, NULL));
}

struct pbs_object *pbs_library_select(int connection, struct pbs_attribute *criteria,
                                      struct pbs_attribute *wanted, const char *extend) {
    *library.error() = 0;
    return library.select(connection, criteria, wanted, extend);
}

struct pbs_object *pbs_library_jobs(int connection, const char *ids, struct pbs_attribute *wanted,
                                    const char *extend) {
    *library.error() = 0;
    return library.jobs(connection, ids, wanted, extend);
}

struct pbs_object *pbs_library_server(int connection, struct pbs_attribute *wanted) {
    *library.error() = 0;
    return library.server(connection, wanted, NULL);
}

struct pbs_object *pbs_library_queues(int connection, struct pbs_attribute *wanted) {
    *library.error() = 0;
    return library.queues(connection, "", wanted, NULL);
}

struct pbs_object *pbs_library_vnodes(int connection, struct pbs_attribute *wanted) {
    *library.error() = 0;
    return library.vnodes(connection, "", wanted, NULL);
}

void pbs_library_free(struct pbs_object *objects) {
    if (objects != NULL) library.free(objects);
}
