/// The one table of options: parser, validator, `--help` and docs/configuration.md are all made from it.
#ifndef ICE_CONFIG_OPTION_H
#define ICE_CONFIG_OPTION_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum ice_option_type {
  ICE_OPTION_TEXT,
  ICE_OPTION_SECRET,    ///< text that is never shown; `file:PATH` reads it from a file
  ICE_OPTION_PATH,      ///< a path; relative ones count from the file that names them
  ICE_OPTION_LIST,      ///< texts; one text with commas outside YAML
  ICE_OPTION_INTEGER,   ///< min..max
  ICE_OPTION_BOOLEAN,   ///< true, false, yes, no
  ICE_OPTION_CHOICE,    ///< one of `choices`, separated by "|"
  ICE_OPTION_DURATION,  ///< number and unit (ms, s, m, h); kept in milliseconds
  ICE_OPTION_SIZE,      ///< number and unit (KB, MB, GB are powers of 1024); kept in bytes
  ICE_OPTION_TREE       ///< a part of the YAML file with a structure of its own
} ice_option_type;

typedef enum ice_option_id {
#define ICE_OPTION(id, ...) ICE_OPTION_ID_##id,
#include "config/option_table.h"
#undef ICE_OPTION
  ICE_OPTION_ID_COUNT
} ice_option_id;

typedef struct ice_option {
  const char *key;  ///< path in YAML; with "--" before it, the flag
  ice_option_type type;
  const char *fallback;     ///< the default; NULL: none
  const char *environment;  ///< names, separated by spaces; the first that is set counts; NULL: none
  /// What the environment's plain numbers are ("ms", "s", "MB"), where the variable's name says so; NULL otherwise.
  const char *environment_unit;
  const char *choices;
  int64_t min;
  int64_t max;
  const char *help;
} ice_option;

/// The option's row. Never NULL for an id below ICE_OPTION_ID_COUNT.
const ice_option *ice_option_get(ice_option_id id);

/// The id of a key, or ICE_OPTION_ID_COUNT.
ice_option_id ice_option_find(ice_str key);

/// The key nearest to a misspelt one, or NULL when none is near.
const char *ice_option_suggest(ice_str key);

#endif
