/* A minimal client of the Kubernetes API, so that what is measured is the server and not who asks it.
 *
 *   api_client URL CA TOKEN requests METHOD PATH BODY COUNT IN_FLIGHT RATE
 *       sends COUNT requests over IN_FLIGHT kept connections; "{i}" in PATH and BODY is the number of the
 *       request. RATE limits requests a second (0: none). Prints for each request, in the order of their
 *       ends, "NUMBER STATUS SENT ENDED", then "failed N".
 *   api_client URL CA TOKEN watch PREFIX COUNT SECONDS
 *       watches all pods; prints "ready" when the watch runs, then for each pod PREFIX-NUMBER, the first time it is
 *       seen with a node, "NUMBER MOMENT". Ends when COUNT were, or after SECONDS (exit status 1).
 *
 * Moments are seconds on CLOCK_MONOTONIC. TOKEN is the text of a bearer token.
 */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "api_client: %s\n", what);
  exit(2);
}

static void *must(void *memory) {
  if (memory == NULL) fail("out of memory");
  return memory;
}

/* The template with each "{i}" replaced by the number. */
static char *numbered(const char *template, long number) {
  char digits[24];
  int width = snprintf(digits, sizeof digits, "%ld", number);
  size_t places = 0;
  for (const char *at = template; (at = strstr(at, "{i}")) != NULL; at += 3) places++;
  char *text = must(malloc(strlen(template) + places * (size_t)width + 1)), *end = text;
  for (;;) {
    const char *at = strstr(template, "{i}");
    size_t length = at ? (size_t)(at - template) : strlen(template);
    memcpy(end, template, length);
    end += length;
    if (at == NULL) break;
    memcpy(end, digits, (size_t)width);
    end += width;
    template = at + 3;
  }
  *end = '\0';
  return text;
}

struct server {
  const char *url, *authority;
  struct curl_slist *headers;
};

static CURL *handle_for(const struct server *server) {
  CURL *handle = must(curl_easy_init());
  curl_easy_setopt(handle, CURLOPT_CAINFO, server->authority);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, server->headers);
  curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  return handle;
}

static size_t ignore(char *data, size_t size, size_t count, void *context) {
  (void)data, (void)context;
  return size * count;
}

/* Requests */

struct lane {
  long number;
  double sent;
  char *body, *url;
};

static void begin(CURLM *multi, CURL *handle, const struct server *server, const char *path, const char *body, long number) {
  struct lane *lane;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&lane);
  free(lane->body);
  free(lane->url);
  char *own = numbered(path, number);
  if (asprintf(&lane->url, "%s%s", server->url, own) < 0) fail("out of memory");
  free(own);
  lane->body = numbered(body, number);
  lane->number = number;
  curl_easy_setopt(handle, CURLOPT_URL, lane->url);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, lane->body);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, (long)strlen(lane->body));
  lane->sent = now();
  curl_multi_add_handle(multi, handle);
}

static int requests(const struct server *server, const char *method, const char *path, const char *body, long count, long in_flight,
                    double rate) {
  CURLM *multi = must(curl_multi_init());
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, in_flight);
  if (in_flight > count) in_flight = count;
  CURL **idle = must(calloc((size_t)in_flight, sizeof *idle));
  long idle_count = 0, begun = 0, ended = 0, failed = 0;
  for (long i = 0; i < in_flight; i++) {
    CURL *handle = handle_for(server);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(handle, CURLOPT_PRIVATE, must(calloc(1, sizeof(struct lane))));
    idle[idle_count++] = handle;
  }
  double started = now();
  while (ended < count) {
    while (idle_count > 0 && begun < count && (rate <= 0 || now() >= started + begun / rate))
      begin(multi, idle[--idle_count], server, path, body, begun++);
    int running, left, wait = 1000;
    curl_multi_perform(multi, &running);
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
      CURL *handle = message->easy_handle;
      struct lane *lane;
      long status = 0;
      curl_easy_getinfo(handle, CURLINFO_PRIVATE, (char **)&lane);
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      if (message->data.result != CURLE_OK) status = 0;
      if (status < 200 || status > 299) failed++;
      printf("%ld %ld %.6f %.6f\n", lane->number, status, lane->sent, now());
      curl_multi_remove_handle(multi, handle);
      idle[idle_count++] = handle;
      ended++;
    }
    if (idle_count > 0 && begun < count) {
      double due = rate <= 0 ? 0 : started + begun / rate - now();
      wait = due <= 0 ? 0 : (int)(due * 1000) + 1;
    }
    if (ended < count && wait > 0) curl_multi_poll(multi, NULL, 0, wait, NULL);
  }
  printf("failed %ld\n", failed);
  return 0;
}

/* Watching */

struct watch {
  const char *prefix;
  size_t prefix_length;
  long count, seen;
  char *bound; /* one octet for each number */
  char *line;
  size_t length, room;
};

static void read_event(struct watch *watch) {
  const char *name = memmem(watch->line, watch->length, "\"metadata\":{\"name\":\"", 20);
  if (name == NULL) return;
  name += 20;
  if (strncmp(name, watch->prefix, watch->prefix_length) != 0 || name[watch->prefix_length] != '-') return;
  char *end;
  long number = strtol(name + watch->prefix_length + 1, &end, 10);
  if (*end != '"' || number < 0 || number >= watch->count || watch->bound[number]) return;
  if (memmem(watch->line, watch->length, "\"nodeName\":\"", 12) == NULL) return;
  watch->bound[number] = 1;
  watch->seen++;
  printf("%ld %.6f\n", number, now());
}

static size_t take(char *data, size_t size, size_t count, void *context) {
  struct watch *watch = context;
  size_t length = size * count;
  for (size_t i = 0; i < length; i++) {
    if (watch->length + 1 >= watch->room) watch->line = must(realloc(watch->line, watch->room = watch->room * 2 + 65536));
    if (data[i] != '\n') {
      watch->line[watch->length++] = data[i];
      continue;
    }
    watch->line[watch->length] = '\0';
    read_event(watch);
    watch->length = 0;
  }
  return watch->seen == watch->count ? 0 : length; /* 0 ends the transfer */
}

static size_t header(char *data, size_t size, size_t count, void *context) {
  (void)context;
  if (size * count == 2 && memcmp(data, "\r\n", 2) == 0) {
    printf("ready\n");
    fflush(stdout);
  }
  return size * count;
}

static int watch_pods(const struct server *server, const char *prefix, long count, long seconds) {
  struct watch watch = {.prefix = prefix, .prefix_length = strlen(prefix), .count = count, .bound = must(calloc((size_t)count, 1))};
  CURL *handle = handle_for(server);
  char *url;
  if (asprintf(&url, "%s/api/v1/pods?watch=1&resourceVersion=0&timeoutSeconds=%ld", server->url, seconds) < 0) fail("out of memory");
  curl_easy_setopt(handle, CURLOPT_URL, url);
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &watch);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, header);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT, seconds);
  CURLcode result = curl_easy_perform(handle);
  if (watch.seen == watch.count) return 0;
  fprintf(stderr, "api_client: %ld of %ld pods bound; the watch ended: %s\n", watch.seen, count, curl_easy_strerror(result));
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 5) fail("see the head of api_client.c");
  struct server server = {.url = argv[1], .authority = argv[2]};
  char *bearer;
  if (asprintf(&bearer, "Authorization: Bearer %s", argv[3]) < 0) fail("out of memory");
  server.headers = curl_slist_append(curl_slist_append(NULL, bearer), "Content-Type: application/json");
  curl_global_init(CURL_GLOBAL_ALL);
  if (strcmp(argv[4], "requests") == 0 && argc == 11)
    return requests(&server, argv[5], argv[6], argv[7], atol(argv[8]), atol(argv[9]), atof(argv[10]));
  if (strcmp(argv[4], "watch") == 0 && argc == 8) return watch_pods(&server, argv[5], atol(argv[6]), atol(argv[7]));
  fail("see the head of api_client.c");
}
