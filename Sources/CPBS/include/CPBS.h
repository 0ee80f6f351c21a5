#ifndef CONNECTOR_PBS_H
#define CONNECTOR_PBS_H

/* PBS's client library, libpbs.so, opened at run time: what is used of it, as its versions from 19
 * to 23 have it (pbs_ifl.h). A process opens one, and uses it from one thread. All calls block. */

#include <stddef.h>

/* pbs_ifl.h's attrl and attropl, which are laid out alike: an item of a list of attributes. */
struct pbs_attribute {
    struct pbs_attribute *next;
    char *name;
    /* The resource's name, of Resource_List and its like; else NULL. */
    char *resource;
    char *value;
    /* What to do with it, or how to compare it: enum pbs_operator. */
    int operator;
};

/* Of pbs_ifl.h's batch_op. */
enum pbs_operator { pbs_set = 0, pbs_add = 2, pbs_remove = 3, pbs_equal = 4, pbs_at_least = 6 };

/* pbs_ifl.h's batch_status: an object that PBS tells of, with its attributes. */
struct pbs_object {
    struct pbs_object *next;
    char *name;
    struct pbs_attribute *attributes;
    char *text;
};

/* Opens the library at path, and looks up each function that is used. Returns 0; or -1, and what
 * is wrong in words, at most size octets with their end. */
int pbs_library_open(const char *path, char *words, size_t size);

/* Connects to the default server. Returns a connection; or -1, and errno's value as the library
 * left it, which says more than pbs_library_error where no server was reached. */
int pbs_library_connect(int *system_error);

/* The number of the last error (pbs_error.h); 0 for none. Each call below sets it anew. */
int pbs_library_error(void);

/* The server's words on the last error of a connection; NULL when it said none. */
const char *pbs_library_words(int connection);

/* Submits a job without a script. Returns its id, which the caller frees; NULL after an error.
 * The library may replace values of the list. queue may be NULL. */
char *pbs_library_submit(int connection, struct pbs_attribute *attributes, const char *queue);

/* Deletes a job. extend is NULL or "force". Returns 0 or an error's number. */
int pbs_library_delete(int connection, const char *id, const char *extend);

/* Change a job: its attributes, of which the library may replace values; its queue; its holds, by
 * their letters ("u"). Each returns 0 or an error's number. */
int pbs_library_alter(int connection, const char *id, struct pbs_attribute *attributes);
int pbs_library_move(int connection, const char *id, const char *destination);
int pbs_library_hold(int connection, const char *id, const char *kinds);
int pbs_library_release(int connection, const char *id, const char *kinds);

/* Sets attributes of all vnodes of a host, which is named as in their attribute Mom. Returns 0 or an
 * error's number. One of the attributes has to have a value: of those alone that are unset by an empty
 * one, the server of OpenPBS 23 makes a crash where the host has several vnodes (mgr_node_set). */
int pbs_library_set_host(int connection, const char *host, struct pbs_attribute *attributes);

/* Sets attributes of one vnode. Returns 0 or an error's number. */
int pbs_library_set_vnode(int connection, const char *vnode, struct pbs_attribute *attributes);

/* Tells of all jobs that meet all criteria. The answers of these five are freed by
 * pbs_library_free; NULL with pbs_library_error of 0 means that there is none. */
struct pbs_object *pbs_library_select(int connection, struct pbs_attribute *criteria,
                                      struct pbs_attribute *wanted, const char *extend);
/* Tells of jobs by their ids, separated by commas. */
struct pbs_object *pbs_library_jobs(int connection, const char *ids, struct pbs_attribute *wanted,
                                    const char *extend);
struct pbs_object *pbs_library_server(int connection, struct pbs_attribute *wanted);
struct pbs_object *pbs_library_queues(int connection, struct pbs_attribute *wanted);
struct pbs_object *pbs_library_vnodes(int connection, struct pbs_attribute *wanted);
void pbs_library_free(struct pbs_object *objects);

/* Puts an item in front of a list, all of its texts copied into memory of their own, which
 * pbs_submit asks for. resource may be NULL. Returns the list; NULL when memory is short, and then
 * the list has been freed. */
struct pbs_attribute *pbs_list_add(struct pbs_attribute *list, const char *name,
                                   const char *resource, const char *value, int operator);
void pbs_list_free(struct pbs_attribute *list);

#endif
