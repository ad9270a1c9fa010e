#include "cli/embedded.h"

#include "cli/gen.h"
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EMBEDDED_TOPIC "health-data-raw"

enum { EMBEDDED_PARTITIONS = 6, EMBEDDED_PACE_SECONDS = 10 };

ice_status ice_embedded_settings(const ice_arguments *arguments, ice_settings *out, ice_error *err) {
  static const ice_str defaults[] = {
      ICE_STR_INIT("name=health"),
      ICE_STR_INIT("source.segment.directory=lake/kafka"),
      ICE_STR_INIT("source.segment.topic=" EMBEDDED_TOPIC),
      ICE_STR_INIT("source.decode.registry=file:lake/kafka/schemas"),
      ICE_STR_INIT("preset=health"),
      ICE_STR_INIT("tables.data=health_db.health_data_raw"),
      ICE_STR_INIT("tables.dead_letters=health_db.health_data_errors"),
      ICE_STR_INIT("tables.create=true"),
      ICE_STR_INIT("catalog.name=health_catalog"),
      ICE_STR_INIT("catalog.uri=lake/catalog.db"),
      ICE_STR_INIT("catalog.warehouse=lake/warehouse"),
      ICE_STR_INIT("commit.interval=1s"),
      ICE_STR_INIT("http=off"),
  };
  ice_str flags[ICE_COUNT_OF(defaults) + ICE_ARGUMENTS_MAX];
  size_t count = 0;
  for (size_t i = 0; i < ICE_COUNT_OF(defaults); i++) {
    flags[count++] = defaults[i];
  }
  for (size_t i = 0; i < arguments->flag_count; i++) {
    flags[count++] = arguments->flags[i];
  }
  ice_settings_sources sources = {.file = arguments->config, .flags = flags, .flag_count = count};
  return ice_settings_load(ice_port_system(), &sources, out, err);
}

static void run_generator(int64_t messages) {
  char program[PATH_MAX];
  char count[32];
  ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
  program[size < 0 ? 0 : size] = '\0';
  snprintf(count, sizeof count, "%lld", (long long)messages);
  bool paced = isatty(STDERR_FILENO) != 0;
  // The summary on standard output is the sink's alone.
  if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0 || !freopen("/dev/null", "w", stdout)) {
    _exit(ICE_EXIT_FAILED);
  }
  char pace[16];
  snprintf(pace, sizeof pace, "%ds", paced ? (int)EMBEDDED_PACE_SECONDS : 0);
  execl(program, program, "gen", "--directory", "lake/kafka", "--topic", EMBEDDED_TOPIC, "--partitions", "6",
        "--messages", count, "--pace", pace, (char *)NULL);
  _exit(ICE_EXIT_FAILED);
}

ice_status ice_embedded_start(ice_embedded *embedded, int64_t messages, ice_error *err) {
  ice_gen_options options = {
      .directory = "lake/kafka", .topic = ICE_STR(EMBEDDED_TOPIC), .partitions = EMBEDDED_PARTITIONS};
  ice_status status = ice_gen_prepare(&options, err);
  if (status != ICE_OK) {
    return status;
  }
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0) {
    return ice_error_set(err, ICE_NO_MEMORY, "cannot start the generator");
  }
  if (child == 0) {
    // A sink that is killed takes its writer with it; one killed between fork and here is seen by the parent's id.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent) {
      run_generator(messages);
    }
    _exit(ICE_EXIT_FAILED);
  }
  embedded->generator = child;
  return ICE_OK;
}

static void reap(ice_embedded *embedded, int options) {
  int wait_status;
  if (embedded->generator > 0 && !embedded->ended &&
      waitpid(embedded->generator, &wait_status, options) == embedded->generator) {
    embedded->ended = true;
    embedded->failed = !WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != ICE_EXIT_DONE;
  }
}

bool ice_embedded_growing(void *context) {
  ice_embedded *embedded = context;
  reap(embedded, WNOHANG);
  return !embedded->ended;
}

void ice_embedded_stop(ice_embedded *embedded) {
  if (embedded->generator > 0 && !embedded->ended) {
    kill(embedded->generator, SIGTERM);
    reap(embedded, 0);
  }
}
