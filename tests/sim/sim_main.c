// The program: seeds, one scenario, or the search for a smaller one.
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char usage[] =
    "Usage: icesink_sim [--seeds FROM COUNT | --seed N | --scenario TEXT] [--seconds S] [--verbose] [--shrink]\n"
    "                   [--expect-failure]\n";

typedef struct arguments {
  uint64_t from;
  uint64_t count;
  double seconds;
  const char *scenario;
  bool verbose;
  bool shrink;
  bool expect_failure;
} arguments;

static bool parse_number(const char *text, uint64_t *out) {
  char *end;
  *out = strtoull(text ? text : "", &end, 10);
  return text && *text != '\0' && *end == '\0';
}

static bool parse_arguments(int count, char **words, arguments *out) {
  *out = (arguments){.from = 1, .count = 1000};
  for (int i = 1; i < count; i++) {
    const char *word = words[i];
    const char *next = i + 1 < count ? words[i + 1] : NULL;
    uint64_t number;
    if (strcmp(word, "--verbose") == 0) {
      out->verbose = true;
    } else if (strcmp(word, "--shrink") == 0) {
      out->shrink = true;
    } else if (strcmp(word, "--expect-failure") == 0) {
      out->expect_failure = true;
    } else if (strcmp(word, "--seed") == 0 && parse_number(next, &out->from)) {
      out->count = 1;
      i++;
    } else if (strcmp(word, "--seeds") == 0 && parse_number(next, &out->from) && i + 2 < count &&
               parse_number(words[i + 2], &out->count)) {
      i += 2;
    } else if (strcmp(word, "--seconds") == 0 && parse_number(next, &number)) {
      out->seconds = (double)number;
      out->count = UINT64_MAX;
      i++;
    } else if (strcmp(word, "--scenario") == 0 && next) {
      out->scenario = next;
      i++;
    } else {
      return false;
    }
  }
  return true;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void report(sim *world, sim_scenario *scenario, bool shrink) {
  static char text[SIM_TEXT_MAX];
  printf("seed %llu fails: %s\n", (unsigned long long)scenario->seed, world->failure);
  if (shrink) {
    sim_shrink(world, scenario, 2000);
    sim_scenario_format(scenario, text, sizeof text);
    printf("smallest: --scenario \"%s\"\n  fails: %s\n", text, world->failure);
  }
}

static int run_seeds(const arguments *options) {
  static sim world;
  static sim_scenario scenario;
  double begin = now();
  uint64_t digest = 0;
  uint64_t done = 0;
  int64_t commits = 0;
  uint64_t stopped = 0;
  for (; done < options->count && (options->seconds <= 0 || now() - begin < options->seconds); done++) {
    if (!options->scenario) {
      sim_scenario_of_seed(options->from + done, &scenario);
    } else if (!sim_scenario_parse(options->scenario, &scenario)) {
      return 2;
    }
    if (!sim_run(&world, &scenario, options->verbose)) {
      report(&world, &scenario, options->shrink);
      if (options->expect_failure) {
        printf("caught after %llu seeds\n", (unsigned long long)(done + 1));
      }
      return options->expect_failure ? 0 : 1;
    }
    digest = sim_hash(digest, 0, world.digest);
    commits += world.commits;
    stopped += world.stopped[0] != '\0';
    if (options->scenario) {
      done++;
      break;
    }
  }
  double seconds = now() - begin;
  printf("%llu seeds from %llu, %.0f a second; %lld epochs committed, %llu runs ended by a policy; digest %016llx\n",
         (unsigned long long)done, (unsigned long long)options->from, (double)done / seconds, (long long)commits,
         (unsigned long long)stopped, (unsigned long long)digest);
  if (options->expect_failure) {
    printf("nothing was caught\n");
  }
  return options->expect_failure ? 1 : 0;
}

int main(int count, char **words) {
  arguments options;
  if (!parse_arguments(count, words, &options)) {
    fputs(usage, stderr);
    return 2;
  }
  if (!sim_pipelines_open()) {
    return 2;
  }
  int result = run_seeds(&options);
  sim_pipelines_close();
  sim_release_stacks();
  return result;
}
