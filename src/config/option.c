#include "config/option.h"

#include <stddef.h>
#include <string.h>

static const ice_option options[] = {
#define ICE_OPTION(id, k, t, f, e, u, c, lo, hi, h) \
  [ICE_OPTION_ID_##id] = {.key = (k),               \
                          .type = ICE_OPTION_##t,   \
                          .fallback = (f),          \
                          .environment = (e),       \
                          .environment_unit = (u),  \
                          .choices = (c),           \
                          .min = (lo),              \
                          .max = (hi),              \
                          .help = (h)},
#include "config/option_table.h"
#undef ICE_OPTION
};

const ice_option *ice_option_get(ice_option_id id) { return &options[id]; }

ice_option_id ice_option_find(ice_str key) {
  for (size_t i = 0; i < ICE_OPTION_ID_COUNT; i++) {
    if (ice_str_equal_c(key, options[i].key)) {
      return (ice_option_id)i;
    }
  }
  return ICE_OPTION_ID_COUNT;
}

// Levenshtein distance of short texts; long ones are never near.
static size_t distance(ice_str a, ice_str b) {
  enum { KEY_MAX = 64 };
  size_t row[KEY_MAX + 1];
  if (a.size > KEY_MAX || b.size > KEY_MAX) {
    return KEY_MAX;
  }
  for (size_t j = 0; j <= b.size; j++) {
    row[j] = j;
  }
  for (size_t i = 1; i <= a.size; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size; j++) {
      size_t above = row[j];
      size_t best = diagonal + (a.data[i - 1] != b.data[j - 1]);
      best = above + 1 < best ? above + 1 : best;
      best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
      row[j] = best;
      diagonal = above;
    }
  }
  return row[b.size];
}

const char *ice_option_suggest(ice_str key) {
  const char *nearest = NULL;
  size_t best = key.size / 3 + 2;
  for (size_t i = 0; i < ICE_OPTION_ID_COUNT; i++) {
    size_t d = distance(key, ice_str_of(options[i].key));
    if (d < best) {
      best = d;
      nearest = options[i].key;
    }
  }
  return nearest;
}
