/// A locale with a decimal comma, for tests that numbers do not follow it. It is compiled into the build directory; LOCPATH
/// leads there.
#ifndef ICE_TESTS_COMMA_LOCALE_H
#define ICE_TESTS_COMMA_LOCALE_H

#include <icesink/export.h>
#include <locale.h>
#include <stdbool.h>

// glibc never frees what it made of LOCPATH.
ICE_API const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:argz_add_sep\n"; }

/// Switch the process to de_DE; false where it is not there (package locales).
static inline bool comma_locale_set(void) { return setlocale(LC_ALL, "de_DE.UTF-8") != NULL; }

static inline void comma_locale_unset(void) { setlocale(LC_ALL, "C"); }

#endif
