#include "assembly/open_catalog.h"
#include "assembly/open_decoding.h"
#include "assembly/open_source.h"
#include "assembly/preset.h"
#include "assembly/sink_tables.h"
#include "catalog/catalog_rest.h"
#include "cli/cli.h"
#include "json/json_text.h"
#include "pipeline/pipeline_decoder.h"
#include "source/schema_registry_http.h"

enum { JSON_MAX = 1 << 16, PROBE_MAX = 1 << 14, SKEW_MAX_US = 300 * 1000000 };

static const char help[] =
    "Usage: icesink check [CONFIG] [--json] [--KEY=VALUE …]\n\n"
    "Looks at everything a run needs, with calls that change as little as possible: one line each, with the fix.\n";

/// What the steps hand on to each other.
typedef struct doctor {
  ice_settings settings;
  ice_pipeline_spec spec;
  ice_sink_tables tables;
  ice_catalog *catalog;
  ice_bytes probe;  ///< where the store is tried
} doctor;

static ice_status check_catalog(doctor *self, ice_error *err) {
  return ice_open_catalog(&(ice_open_catalog_options){.settings = &self->settings}, &self->catalog, err);
}

static ice_status check_tables(doctor *self, ice_error *err) {
  ice_status status =
      self->tables.count > 0 ? ICE_OK : ice_sink_tables_read(&self->settings, &self->spec, &self->tables, err);
  for (uint32_t i = 0; status == ICE_OK && i < self->tables.count; i++) {
    ice_table table = {0};
    status = ice_catalog_load_table(self->catalog, self->tables.idents[i], &table, err);
    ice_table_deinit(&table);
  }
  return status;
}

// A probe below the data table, or below the warehouse where there is no table yet.
static ice_status begin_store(doctor *self, ice_error *err) {
  ice_table table = {0};
  const ice_port *port = ice_port_system();
  ice_str place = ice_settings_text(&self->settings, ICE_OPTION_ID_CATALOG_WAREHOUSE);
  const ice_rest_session *session = ice_catalog_rest_session(self->catalog);
  ice_status status = ICE_OK;
  if (self->tables.count > 0 &&
      ice_catalog_load_table(self->catalog, self->tables.idents[0], &table, NULL) == ICE_OK) {
    place = table.metadata->location;
  } else if (session) {
    (void)ice_rest_session_warehouse(session, &place);
  }
  ice_bytes_init(&self->probe, PROBE_MAX);
  ICE_TRY(ice_bytes_append_str(&self->probe, place, err));
  ICE_TRY(ice_bytes_append_format(&self->probe, err, "/data/.icesink-check-%lld",
                                  (long long)port->clock.now_us(port->clock.context)));
done:
  ice_table_deinit(&table);
  return status;
}

static const char probe_text[] = "check";

static ice_status check_write(doctor *self, ice_error *err) {
  ice_status status = begin_store(self, err);
  return status != ICE_OK ? status
                          : ice_store_write_all(self->catalog->store, ice_bytes_str(&self->probe), probe_text,
                                                strlen(probe_text), err);
}

static ice_status check_read(doctor *self, ice_error *err) {
  char back[sizeof probe_text - 1];
  ice_status status = ice_store_read(self->catalog->store, ice_bytes_str(&self->probe), 0, back, sizeof back, err);
  if (status == ICE_OK && memcmp(back, probe_text, sizeof back) != 0) {
    status = ice_error_set(err, ICE_CORRUPT, "the store gave back other bytes than were written");
  }
  return status;
}

static ice_status check_delete(doctor *self, ice_error *err) {
  return ice_store_remove(self->catalog->store, ice_bytes_str(&self->probe), err);
}

// Signatures carry the time, and servers refuse what is older than some minutes.
static ice_status check_clock(doctor *self, ice_error *err) {
  const ice_rest_session *session = ice_catalog_rest_session(self->catalog);
  int64_t skew_us = session ? ice_rest_session_clock_skew_us(session) : 0;
  return skew_us > SKEW_MAX_US || skew_us < -SKEW_MAX_US
             ? ice_error_set(err, ICE_INVALID_STATE, "this machine's clock is %lld s behind the catalog's",
                             (long long)(skew_us / 1000000))
             : ICE_OK;
}

static ice_status check_source(doctor *self, ice_error *err) {
  ice_source *source = NULL;
  ice_status status = ice_open_source(&self->settings, NULL, NULL, false, &source, err);
  if (status == ICE_OK) {
    status = ice_source_refresh(source, err);
  }
  ice_source_destroy(source);
  return status;
}

// A schema file in place of a registry is read where decoding is set up; plain JSON has neither.
static ice_status check_registry(doctor *self, ice_error *err) {
  ice_str place = ice_settings_text(&self->settings, ICE_OPTION_ID_DECODE_REGISTRY);
  ice_schema_registry *registry = NULL;
  ice_payload_format format;
  ice_status status = ICE_OK;
  ICE_TRY(ice_read_payload_format(&self->settings, &format, err));
  if (format != ICE_PAYLOAD_REGISTRY_AVRO && format != ICE_PAYLOAD_REGISTRY_JSON) {
    goto done;
  }
  ICE_TRY(ice_open_registry(&self->settings, NULL, &registry, err));
  if (!ice_str_starts_with(place, ICE_STR("file:"))) {
    ICE_TRY(ice_schema_registry_http_probe(registry, err));
  }
done:
  ice_schema_registry_destroy(registry);
  return status;
}

// What Avro can fill is known by the schema of each message; what JSON can, by the columns' types.
static ice_status check_pipeline(doctor *self, ice_error *err) {
  ice_decoder *decoder = NULL;
  ice_status status = ice_read_pipeline(&self->settings, &self->spec, err);
  if (status == ICE_OK && !ice_str_equal_c(ice_settings_text(&self->settings, ICE_OPTION_ID_DECODE_FORMAT), "avro")) {
    status = ice_decoder_open_json(&self->spec, &decoder, err);
  }
  ice_decoder_destroy(decoder);
  return status;
}

/// What to do about an error that has a known cause; `sign` is a part of its message.
typedef struct remedy {
  const char *sign;
  const char *fix;
} remedy;

static const remedy remedies[] = {
    {"Could not resolve host", "the host's name has no address: is it spelled right, does DNS know it?"},
    {"Failed to connect", "nothing listens there: look at host and port, and at firewalls"},
    {"Connection refused", "nothing listens there: look at host and port"},
    {"SSL", "TLS: set catalog.ca_file or store.s3.ca_file to the authority that signed the server's certificate"},
    {"certificate",
     "TLS: set catalog.ca_file or store.s3.ca_file to the authority that signed the server's certificate"},
    {"store.s3.region", "set store.s3.region (S3_REGION) to the region that is named"},
    {"RequestTimeTooSkewed", "set this machine's clock"},
    {"SignatureDoesNotMatch", "store.s3.secret_key (S3_SECRET_KEY) is not the key's"},
    {"InvalidAccessKeyId", "store.s3.access_key (S3_ACCESS_KEY) is not known there"},
    {"access key ID", "store.s3.access_key (S3_ACCESS_KEY) is not known there"},
    {"NoSuchBucket",
     "the bucket does not exist there: look at catalog.warehouse, store.s3.endpoint and store.s3.path_style"},
    {"AccessDenied", "the key may not do that: look at the policy of the bucket and of the key"},
    {"is outside the warehouse", "list the place in catalog.allowed_locations, if that is meant"},
    {"no token", "look at catalog.credential and catalog.oauth2_server_uri"},
    {"HTTP status 401", "look at catalog.credential, catalog.token and catalog.oauth2_server_uri"},
    {"HTTP status 403", "the catalog's credential may not do that"},
    {"GET /v1/config: HTTP status 404", "catalog.uri must be what comes before /v1"},
    {"Warehouse", "catalog.warehouse must be a name or a location that the catalog knows"},
};

static const char *fix_of(const ice_error *err, const char *fallback) {
  for (size_t i = 0; i < ICE_COUNT_OF(remedies); i++) {
    if (strstr(err->message, remedies[i].sign)) {
      return remedies[i].fix;
    }
  }
  return fallback;
}

// One line a step, or one object a step: {"step", "ok", "error", "fix"}.
static void print_step(bool json, bool first, const char *step, ice_status status, const ice_error *err,
                       const char *fix) {
  if (!json) {
    if (status == ICE_OK) {
      printf("ok      %s\n", step);
    } else {
      printf("FAILED  %s: %s\n        %s\n", step, err->message, fix);
    }
    return;
  }
  ice_bytes text;
  ice_bytes_init(&text, JSON_MAX);
  // What does not fit is left out of the report; the exit status still tells that the step failed.
  (void)!ice_json_append_string(&text, ice_str_of(status == ICE_OK ? "" : err->message), NULL);
  printf("%s{\"step\":\"%s\",\"ok\":%s,\"error\":%.*s,\"fix\":\"%s\"}", first ? "" : ",", step,
         status == ICE_OK ? "true" : "false", ICE_STR_ARG(ice_bytes_str(&text)), status == ICE_OK ? "" : fix);
  ice_bytes_deinit(&text);
}

typedef enum need { NEEDS_NOTHING, NEEDS_CATALOG, NEEDS_SERVER, NEEDS_WRITTEN } need;

static const struct {
  const char *name;
  need need;
  ice_status (*check)(doctor *self, ice_error *err);
  const char *fix;
} steps[] = {
    {"pipeline", NEEDS_NOTHING, check_pipeline,
     "correct the pipeline section; `icesink config show health` prints one that works"},
    {"source", NEEDS_NOTHING, check_source,
     "look at source.kafka.brokers and source.kafka.topics, or at source.segment.*"},
    {"registry", NEEDS_NOTHING, check_registry,
     "look at source.decode.registry, with its path, and at its credentials"},
    {"catalog", NEEDS_NOTHING, check_catalog, "look at catalog.uri, or make a new catalog with `icesink init`"},
    {"clock", NEEDS_SERVER, check_clock, "set this machine's clock, or the catalog's"},
    {"tables", NEEDS_CATALOG, check_tables, "create them with `icesink init`"},
    {"store: write", NEEDS_CATALOG, check_write, "look at the permissions and the free space of catalog.warehouse"},
    {"store: read", NEEDS_WRITTEN, check_read, "what was written cannot be read: look at the permissions of the key"},
    {"store: delete", NEEDS_WRITTEN, check_delete,
     "what was written cannot be deleted, so files of epochs that were dropped stay: look at the permissions of the "
     "key"},
};

// Goes on after a step that failed, with what does not need it; false when something failed.
static bool run_steps(doctor *self, bool json) {
  bool well = true;
  bool written = false;
  for (size_t i = 0; i < ICE_COUNT_OF(steps); i++) {
    ice_error err = {0};
    if ((steps[i].need >= NEEDS_CATALOG && !self->catalog) || (steps[i].need == NEEDS_WRITTEN && !written) ||
        (steps[i].need == NEEDS_SERVER && !ice_catalog_rest_session(self->catalog))) {
      continue;
    }
    ice_status status = steps[i].check(self, &err);
    print_step(json, false, steps[i].name, status, &err, fix_of(&err, steps[i].fix));
    written = written || (status == ICE_OK && steps[i].check == check_write);
    well = well && status == ICE_OK;
  }
  return well;
}

static int run_check(int count, char **arguments) {
  ice_arguments read;
  ice_error err = {0};
  doctor self = {0};
  if (ice_arguments_read(count, arguments, NULL, 0, &read, &err) != ICE_OK) {
    return ice_cli_usage(&ice_command_check, &err);
  }
  const char *file = read.positional_count > 0 ? read.positional[0] : "icesink.yaml";
  ice_status status = ice_cli_settings(&read, file, &self.settings, &err);
  fputs(read.json ? "[" : "", stdout);
  print_step(read.json, true, "configuration", status, &err, "correct the line that is named");
  bool well = status == ICE_OK && run_steps(&self, read.json);
  fputs(read.json ? "]\n" : "", stdout);
  ice_catalog_destroy(self.catalog);
  ice_bytes_deinit(&self.probe);
  ice_pipeline_spec_deinit(&self.spec);
  ice_settings_deinit(&self.settings);
  return well ? ICE_EXIT_DONE : ICE_EXIT_FAILED;
}

const ice_command ice_command_check = {
    .name = "check", .summary = "look at everything a run needs", .help = help, .run = run_check};
