/* libcurl's option calls are variadic, which Swift cannot call: one typed function for each kind of value. */
#include <curl/curl.h>

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
