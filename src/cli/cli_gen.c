#include "cli/cli.h"
#include "cli/gen.h"
#include <signal.h>
#include <stdlib.h>

static _Atomic bool stop;

static void on_signal(int number) {
  (void)number;
  stop = true;
}

static const char help[] =
    "Usage: icesink gen --directory DIR [options]\n\n"
    "Appends generated health messages, or the lines of a file, to a topic in Kafka's own segment format.\n\n"
    "  --directory DIR     log directory; the Avro schema goes to DIR/schemas\n"
    "  --topic NAME        topic (health-data-raw)\n"
    "  --format F          avro, in the registry's wire format, or json (avro)\n"
    "  --partitions N      partitions (6)\n"
    "  --messages N        messages to append (200000)\n"
    "  --lines FILE        append the lines of FILE instead, each as one value; all, or --messages\n"
    "  --bad PERCENT       share of bad messages (2)\n"
    "  --seed N            the same seed gives the same stream (1)\n"
    "  --compression C     none, gzip, snappy, lz4 or zstd (none)\n"
    "  --pace DURATION     spread the messages over this time, e.g. 10s\n"
    "  --ledger FILE       append what has to become of each message, one JSON line each\n";

static bool parse_number(const char *text, double max, double *out) {
  char *end;
  *out = strtod(text, &end);
  return end != text && *end == '\0' && *out >= 0 && *out <= max;
}

static bool parse_codec(const char *text, ice_codec *out) {
  static const struct {
    const char *name;
    ice_codec codec;
  } codecs[] = {{"none", ICE_CODEC_NONE},
                {"gzip", ICE_CODEC_GZIP},
                {"snappy", ICE_CODEC_SNAPPY},
                {"lz4", ICE_CODEC_LZ4_FRAME},
                {"zstd", ICE_CODEC_ZSTD}};
  for (size_t i = 0; i < ICE_COUNT_OF(codecs); i++) {
    if (strcmp(text, codecs[i].name) == 0) {
      *out = codecs[i].codec;
      return true;
    }
  }
  return false;
}

static int run_gen(int count, char **arguments) {
  const char *directory = NULL;
  const char *topic = "health-data-raw";
  const char *format = "avro";
  const char *partitions = "6";
  const char *messages = NULL;
  const char *bad = "2";
  const char *seed = "1";
  const char *compression = "none";
  const char *pace = "0";
  const char *ledger = NULL;
  const char *lines = NULL;
  const ice_argument own[] = {
      {"--directory", &directory, NULL},     {"--topic", &topic, NULL}, {"--partitions", &partitions, NULL},
      {"--messages", &messages, NULL},       {"--bad", &bad, NULL},     {"--seed", &seed, NULL},
      {"--compression", &compression, NULL}, {"--pace", &pace, NULL},   {"--ledger", &ledger, NULL},
      {"--format", &format, NULL},           {"--lines", &lines, NULL},
  };
  ice_arguments read;
  ice_error err = {0};
  ice_gen_options options = {0};
  double partition_number = 0;
  double message_number = 0;
  double bad_number = 0;
  double seed_number = 0;
  if (ice_arguments_read(count, arguments, own, ICE_COUNT_OF(own), &read, &err) != ICE_OK) {
    return ice_cli_usage(&ice_command_gen, &err);
  }
  options.json = strcmp(format, "json") == 0;
  if (!messages) {
    messages = lines ? "1e12" : "200000";
  }
  if (!directory || (lines && ledger) || (!options.json && strcmp(format, "avro") != 0) ||
      read.positional_count > 0 || read.flag_count > 0 || !parse_number(partitions, 4096, &partition_number) ||
      !parse_number(messages, 1e12, &message_number) || !parse_number(bad, 100, &bad_number) ||
      !parse_number(seed, 9e15, &seed_number) || !parse_codec(compression, &options.codec) ||
      !ice_duration_parse(ice_str_of(pace), NULL, &options.pace_ms)) {
    ice_error_set(&err, ICE_INVALID_ARGUMENT, "the arguments do not fit");
    return ice_cli_usage(&ice_command_gen, &err);
  }
  options.directory = directory;
  options.topic = ice_str_of(topic);
  options.partitions = (int32_t)partition_number;
  options.messages = (int64_t)message_number;
  options.bad_per_10000 = (int32_t)(bad_number * 100);
  options.seed = (uint64_t)seed_number;
  options.ledger = ledger;
  options.lines = lines;
  options.stop = &stop;
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  int64_t written;
  if (ice_gen_write(&options, &written, &err) != ICE_OK) {
    return ice_cli_fail("gen", &err);
  }
  char text[32];
  ice_cli_number(written, text);
  printf("%s messages appended to %s in %s\n", text, topic, directory);
  return ICE_EXIT_DONE;
}

const ice_command ice_command_gen = {
    .name = "gen", .summary = "append generated health messages to a topic on disk", .help = help, .run = run_gen};
