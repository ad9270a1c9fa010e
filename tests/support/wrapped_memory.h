/// Names that the linker's --wrap gives to the allocator: calls arrive at __wrap_*, the real ones are __real_*.
#ifndef ICE_TESTS_WRAPPED_MEMORY_H
#define ICE_TESTS_WRAPPED_MEMORY_H

#include <stddef.h>

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);

#endif
