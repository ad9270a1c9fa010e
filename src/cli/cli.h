/// What the commands share: arguments, exit statuses, opening what a configuration names.
#ifndef ICE_CLI_CLI_H
#define ICE_CLI_CLI_H

#include "config/settings.h"
#include "observe/log.h"
#include <stdio.h>

typedef enum ice_exit {
  ICE_EXIT_DONE = 0,
  ICE_EXIT_FAILED = 1,
  ICE_EXIT_USAGE = 2,
  ICE_EXIT_POLICY = 3,
  ICE_EXIT_VIOLATION = 4
} ice_exit;

typedef struct ice_command {
  const char *name;
  const char *summary;
  const char *help;
  /// `arguments` are those behind the command's name.
  int (*run)(int count, char **arguments);
} ice_command;

extern const ice_command ice_command_check;
extern const ice_command ice_command_config;
extern const ice_command ice_command_gen;
extern const ice_command ice_command_init;
extern const ice_command ice_command_inspect;
extern const ice_command ice_command_run;
extern const ice_command ice_command_scan;
extern const ice_command ice_command_tables;
extern const ice_command ice_command_verify;

enum { ICE_ARGUMENTS_MAX = 256 };

/// Arguments of a command, sorted: its own switches and values, option flags ("commit.interval=1s"), and the rest.
typedef struct ice_arguments {
  const char *positional[ICE_ARGUMENTS_MAX];
  size_t positional_count;
  ice_str flags[ICE_ARGUMENTS_MAX];
  size_t flag_count;
  const char *config;  ///< --config FILE
  bool json;           ///< --json
  bool help;           ///< --help
} ice_arguments;

/// A switch or value of one command: "--limit N" or "--until-end".
typedef struct ice_argument {
  const char *name;
  const char **value;  ///< takes a value; NULL: a switch
  bool *present;
} ice_argument;

/// Sort `arguments`. `own` are the command's own; anything else that begins with "--" is an option flag.
/// Errors: INVALID_ARGUMENT.
ICE_MUST_CHECK ice_status ice_arguments_read(int count, char **arguments, const ice_argument *own, size_t own_count,
                                             ice_arguments *out, ice_error *err);

/// The settings of a command: the file of --config or `file` (may be NULL), `.env.local`, the environment, the flags.
ICE_MUST_CHECK ice_status ice_cli_settings(const ice_arguments *arguments, const char *file, ice_settings *out,
                                           ice_error *err);

/// The settings of a command that works on tables and needs no file: `--config`, else ICEBERG_*, else ./icesink.yaml, else
/// the catalog of an embedded run in ./lake.
ICE_MUST_CHECK ice_status ice_cli_table_settings(const ice_arguments *arguments, ice_settings *out, ice_error *err);

/// Print an error as all commands do, and give the exit status that fits it.
int ice_cli_fail(const char *command, const ice_error *err);
int ice_cli_usage(const ice_command *command, const ice_error *err);

/// Numbers for people: 1,234,567 — 84 MiB — 1.2 M.
void ice_cli_number(int64_t value, char out[32]);
void ice_cli_size(uint64_t bytes, char out[32]);
void ice_cli_rate(double per_second, char out[32]);

#endif
