/// The settings of a run: flags over environment over `.env.local` over YAML over defaults.
#ifndef ICE_CONFIG_SETTINGS_H
#define ICE_CONFIG_SETTINGS_H

#include "config/option.h"
#include "config/yaml.h"
#include "port/port.h"

typedef struct ice_setting {
  bool set;        ///< false: no source gave it and it has no default
  ice_str text;    ///< TEXT, SECRET, PATH, CHOICE; the spelling of numbers; a zero byte follows it
  ice_str *items;  ///< LIST
  uint32_t item_count;
  int64_t number;  ///< INTEGER, DURATION in ms, SIZE in bytes, BOOLEAN as 0 or 1
  const ice_yaml *tree;
  ice_str origin;  ///< "default", "pipeline.yaml:12", ".env.local:3", "BATCH_SIZE", "--batch"
} ice_setting;

/// Ownership: everything is in `arena`. Threads: read by any, once loaded.
typedef struct ice_settings {
  ice_arena arena;
  ice_setting values[ICE_OPTION_ID_COUNT];
  /// The configuration file, empty where there is none; relative paths in it count from its directory.
  ice_str file;
  ice_str directory;
} ice_settings;

typedef struct ice_settings_sources {
  const char *file;          ///< NULL: no YAML
  const char *dotenv;        ///< NULL: no .env.local; one that is missing is fine
  char *const *environment;  ///< NULL: none ("NAME=value" texts, ended by NULL)
  const ice_str *flags;      ///< "key=value"
  size_t flag_count;
  bool literal_flags;  ///< ${NAME} in a flag's value stands for itself
} ice_settings_sources;

/// Load and check all settings.
///
/// Ownership: `out` is the caller's storage; ice_settings_deinit in any case.
/// Errors: INVALID_ARGUMENT naming the file, line and key, or the variable, with a suggestion for misspelt keys;
///   NOT_FOUND (the file), IO, LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_settings_load(const ice_port *port, const ice_settings_sources *sources,
                                            ice_settings *out, ice_error *err);
void ice_settings_deinit(ice_settings *settings);

static inline const ice_setting *ice_settings_get(const ice_settings *settings, ice_option_id id) {
  return &settings->values[id];
}
static inline ice_str ice_settings_text(const ice_settings *settings, ice_option_id id) {
  return settings->values[id].text;
}
/// The same as a C string; "" where it is not set.
static inline const char *ice_settings_c_str(const ice_settings *settings, ice_option_id id) {
  return settings->values[id].text.data ? settings->values[id].text.data : "";
}
static inline int64_t ice_settings_number(const ice_settings *settings, ice_option_id id) {
  return settings->values[id].number;
}

/// INVALID_ARGUMENT naming the key and its environment variable where a setting has no value.
ICE_MUST_CHECK ice_status ice_settings_require(const ice_settings *settings, ice_option_id id, ice_error *err);

/// Parse "10s", "100ms", "15m", "1h" into milliseconds, "256MB" into bytes. A bare number takes `unit` where it is not NULL.
bool ice_duration_parse(ice_str text, const char *unit, int64_t *out_ms);
bool ice_size_parse(ice_str text, const char *unit, int64_t *out_bytes);

#endif
