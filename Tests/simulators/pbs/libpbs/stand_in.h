/*
 * A stand-in for PBS's libpbs.so: the functions that the connector uses, with the ABI of
 * OpenPBS's pbs_ifl.h. It hands each call to the simulator's server over the Unix socket that
 * pbs_connect() has opened, and decides nothing itself, except what the real library decides
 * before it sends anything or when no answer comes.
 *
 * Request: decimal length, blank, then NUL-terminated fields: "libpbs", the function's name, its
 * arguments in the order of the declaration without the connection; a list is its length and then
 * the fields of each item; a string that is NULL is empty.
 * Answer: "CODE LIBRARY TEXT BODY\n": the error code, 1 where it is the real library that refuses,
 * the lengths of the text and of the body, then both; the body is NUL-terminated fields.
 *
 * As in the real library names and values of pbs_submit() must come from malloc: a path is freed
 * and replaced. SIGPIPE is not caught, and no call ends before the server has answered.
 */
#ifndef STAND_IN_H
#define STAND_IN_H

#include <stddef.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define CONNECTIONS 65536

/* pbs_error.h */
enum { IVALREQ = 15004, BADHOST = 15008, SYSTEM = 15010, BADATVAL = 15014, PROTOCOL = 15031, BADSCRIPT = 15042 };

/* Lists of attributes; attropl has the same layout, and `op` counts there only. */
struct attrl {
	struct attrl *next;
	char *name, *resource, *value;
	int op;
};

struct batch_status {
	struct batch_status *next;
	char *name;
	struct attrl *attribs;
	char *text;
};

struct batch_deljob_status {
	struct batch_deljob_status *next;
	char *name;
	int code;
};

/*
 * What the real library does around a request, which shows in pbs_geterrmsg(): it verifies the
 * attributes and forgets the text of an earlier error, or only locks the connection, or neither.
 */
enum care { VERIFIES, LOCKS, NEITHER };

/* A request; HEADER octets are kept free for its length. */
#define HEADER 32
struct buffer {
	char *data;
	size_t size, room;
	enum care care;
};

struct answer {
	int code;
	int by_library;			/* what the library itself refuses, and does not send */
	char *body, *next, *end;	/* all of it; the field that is read next; where the last one ends */
};

/* pbs_errno of this thread */
extern HIDDEN __thread int error_number;
/* Which connections are open for the caller, and which of them the server has closed, as a call has noticed. */
extern HIDDEN char open_ones[CONNECTIONS], ended[CONNECTIONS];

/* settings.c */
HIDDEN const char *directory(void);
HIDDEN void setting(const char *name, char *value, size_t size);
HIDDEN int is_configured(void);
char *pbs_default(void);

void pbs_delstatfree(struct batch_deljob_status *status);

/* wire.c */
char *pbs_geterrmsg(int c);
HIDDEN struct buffer request(const char *function, enum care care);
HIDDEN void put(struct buffer *to, const char *field);
HIDDEN void put_number(struct buffer *to, long number);
HIDDEN void put_list(struct buffer *to, const struct attrl *first);
HIDDEN int send_request(int fd, struct buffer *from);
HIDDEN int exchange(int c, struct buffer *from, struct answer *answer);
HIDDEN int plain(int c, struct buffer from);
HIDDEN const char *take(struct answer *from);
HIDDEN void refuse_submission(int c, const char *text);
HIDDEN void keep_text(int c, const char *text);
HIDDEN void forget_texts(int c);

#endif
