#include "cli/cli.h"

#include <icesink/version.h>
#include <signal.h>
#include <sys/prctl.h>

static const ice_command *const commands[] = {
    &ice_command_run,  &ice_command_init,   &ice_command_check,  &ice_command_tables, &ice_command_inspect,
    &ice_command_scan, &ice_command_verify, &ice_command_config, &ice_command_gen,
};

static int print_help(FILE *out) {
  fprintf(out,
          "icesink writes Kafka topics into Apache Iceberg tables, exactly once.\n\nUsage: icesink COMMAND …\n\n");
  for (size_t i = 0; i < ICE_COUNT_OF(commands); i++) {
    fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
  }
  fprintf(out, "\nicesink COMMAND --help tells more; icesink --version tells the version.\n");
  return out == stdout ? ICE_EXIT_DONE : ICE_EXIT_USAGE;
}

// A dump of memory would hold keys and tokens. Sanitizers look into the process from outside, which this forbids too.
static void forbid_dumps(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

int main(int argc, char **argv) {
  forbid_dumps();
  // A reader that goes away (`icesink scan t | head`) ends the command by the failing write, with its message.
  signal(SIGPIPE, SIG_IGN);
  if (argc < 2) {
    return print_help(stderr);
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
    return print_help(stdout);
  }
  if (strcmp(argv[1], "--version") == 0) {
    printf("icesink %s\n", ice_version());
    return ICE_EXIT_DONE;
  }
  for (size_t i = 0; i < ICE_COUNT_OF(commands); i++) {
    if (strcmp(argv[1], commands[i]->name) == 0) {
      for (int a = 2; a < argc; a++) {
        if (strcmp(argv[a], "--help") == 0) {
          fputs(commands[i]->help, stdout);
          return ICE_EXIT_DONE;
        }
      }
      return commands[i]->run(argc - 2, argv + 2);
    }
  }
  fprintf(stderr, "icesink: there is no command %s\n\n", argv[1]);
  return print_help(stderr);
}
