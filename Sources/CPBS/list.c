#include "CPBS.h"

#include <stdlib.h>
#include <string.h>

struct pbs_attribute *pbs_list_add(struct pbs_attribute *list, const char *name,
                                   const char *resource, const char *value, int operator) {
    struct pbs_attribute *item = calloc(1, sizeof *item);
    if (item == NULL) {
        pbs_list_free(list);
        return NULL;
    }
    item->next = list;
    item->name = strdup(name);
    item->resource = resource ? strdup(resource) : NULL;
    item->value = strdup(value);
    item->operator = operator;
    if (item->name == NULL || item->value == NULL || (resource && item->resource == NULL)) {
        pbs_list_free(item);
        return NULL;
    }
    return item;
}

void pbs_list_free(struct pbs_attribute *list) {
    while (list != NULL) {
        struct pbs_attribute *next = list->next;
        free(list->name);
        free(list->resource);
        free(list->value);
        free(list);
        list = next;
    }
}
