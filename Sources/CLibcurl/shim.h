/* libcurl's option calls are variadic, which Swift cannot call: one typed function for each kind of value. */
#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/socket.h>

typedef size_t (*connector_curl_data_callback)(char *, size_t, size_t, void *);
typedef int (*connector_curl_socket_callback)(CURL *, curl_socket_t, int, void *, void *);
typedef int (*connector_curl_timer_callback)(CURLM *, long, void *);

static inline CURLcode connector_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode connector_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode connector_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode connector_curl_set_blob(CURL *handle, CURLoption option, const void *data, size_t length) {
    struct curl_blob blob = {(void *)data, length, CURL_BLOB_COPY};
    return curl_easy_setopt(handle, option, &blob);
}
static inline CURLcode connector_curl_set_data_callback(CURL *handle, CURLoption option, connector_curl_data_callback value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode connector_curl_get_long(CURL *handle, CURLINFO info, long *value) {
    return curl_easy_getinfo(handle, info, value);
}
static inline CURLcode connector_curl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return curl_easy_getinfo(handle, info, value);
}
static inline CURLMcode connector_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
static inline CURLMcode connector_curl_multi_set_socket_callback(CURLM *multi, connector_curl_socket_callback callback, void *context) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, callback);
}
static inline CURLMcode connector_curl_multi_set_timer_callback(CURLM *multi, connector_curl_timer_callback callback, void *context) {
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    return curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, callback);
}
/* Called when the request is about to be sent, with the local port of its connection. */
static inline CURLcode connector_curl_set_sent_callback(CURL *handle, curl_prereq_callback value, void *context) {
    curl_easy_setopt(handle, CURLOPT_PREREQDATA, context);
    return curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, value);
}
static inline int connector_curl_socket_options(void *milliseconds, curl_socket_t socket, curlsocktype purpose) {
    unsigned int limit = (unsigned int)(uintptr_t)milliseconds;
    (void)purpose;
    /* Where the kernel refuses it, keepalive and the limits of the requests remain. */
    (void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit);
    return CURL_SOCKOPT_OK;
}
/* How long octets that were sent, or a keepalive probe, may stay without TCP's acknowledgement. */
static inline CURLcode connector_curl_set_user_timeout(CURL *handle, unsigned int milliseconds) {
    curl_easy_setopt(handle, CURLOPT_SOCKOPTDATA, (void *)(uintptr_t)milliseconds);
    return curl_easy_setopt(handle, CURLOPT_SOCKOPTFUNCTION, connector_curl_socket_options);
}
/* A transfer that ends does not wait for a thread that still resolves a name. */
static inline CURLcode connector_curl_leave_resolvers(CURL *handle) {
#if LIBCURL_VERSION_NUM >= 0x075700
    return curl_easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)handle;
    return CURLE_OK;
#endif
}
/* The finished transfer's handle and result, or NULL when there is none. */
static inline CURL *connector_curl_multi_next_done(CURLM *multi, CURLcode *result) {
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}
