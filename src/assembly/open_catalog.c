#include "assembly/open_catalog.h"

#include "catalog/catalog_rest.h"
#include "catalog/catalog_sqlite.h"
#include "store/store_local.h"
#include "store/store_router.h"
#include "store/store_s3.h"
#include <limits.h>
#include <unistd.h>

enum { ROOTS_MAX = 64, LOCATION_MAX = 1 << 14 };

static ice_str text_of(const ice_settings *settings, ice_option_id id) { return ice_settings_text(settings, id); }

// NULL where it is not set.
static const char *path_of(const ice_settings *settings, ice_option_id id) {
  return ice_settings_get(settings, id)->set ? ice_settings_c_str(settings, id) : NULL;
}

// Places ------------------------------------------------------------------------------------------------------------

// Makes "file:///…" of a path; a URI stays as it is.
static ice_status absolute_location(ice_str directory, ice_str text, ice_bytes *out, ice_error *err) {
  if (memchr(text.data, ':', text.size)) {
    return ice_bytes_append_str(out, text, err);
  }
  char base[PATH_MAX];
  char path[PATH_MAX * 2];
  if (!getcwd(base, sizeof base)) {
    return ice_error_set(err, ICE_IO, "the working directory cannot be read");
  }
  bool rooted = text.data[0] == '/';
  bool from_root = rooted || (directory.size > 0 && directory.data[0] == '/');
  int size = snprintf(path, sizeof path, "%s%s%.*s%s%.*s", from_root ? "" : base, from_root ? "" : "/",
                      rooted ? 0 : (int)directory.size, rooted || directory.size == 0 ? "" : directory.data,
                      rooted || directory.size == 0 ? "" : "/", ICE_STR_ARG(text));
  if (size < 0 || (size_t)size >= sizeof path) {
    return ice_error_set(err, ICE_LIMIT, "path too long: %.*s", ICE_STR_ARG(text));
  }
  ice_status status = ice_bytes_append_str(out, ICE_STR("file://"), err);
  // Single dots and doubled slashes go; a location is compared as text.
  for (char *at = path; status == ICE_OK && *at;) {
    while (at[0] == '/' && (at[1] == '/' || (at[1] == '.' && (at[2] == '/' || at[2] == '\0')))) {
      at += at[1] == '/' ? 1 : 2;
    }
    if (*at) {
      status = ice_bytes_append_u8(out, (uint8_t)*at++, err);
    }
  }
  return status;
}

// A path in a YAML file counts from that file.
static ice_str directory_of(const ice_settings *settings, ice_option_id id) {
  const ice_setting *setting = ice_settings_get(settings, id);
  bool from_file = settings->file.size > 0 && ice_str_starts_with(setting->origin, settings->file);
  return from_file ? settings->directory : (ice_str){0};
}

// catalog.warehouse as it is given, or made from the bucket; empty where neither is set.
static ice_status read_warehouse(const ice_settings *settings, ice_bytes *out, ice_error *err) {
  ice_str bucket = text_of(settings, ICE_OPTION_ID_STORE_S3_BUCKET);
  ice_str warehouse = text_of(settings, ICE_OPTION_ID_CATALOG_WAREHOUSE);
  if (warehouse.size == 0 && bucket.size > 0) {
    return ice_bytes_append_format(out, err, "s3://%.*s/warehouse", ICE_STR_ARG(bucket));
  }
  return ice_bytes_append_str(out, warehouse, err);
}

// Stores ------------------------------------------------------------------------------------------------------------

/// Where objects may lie, by the kind of store that has them.
typedef struct places {
  ice_str local[ROOTS_MAX];
  size_t local_count;
  ice_str s3[ROOTS_MAX];
  size_t s3_count;
} places;

static ice_status add_place(places *all, ice_str location, ice_error *err) {
  bool s3 = ice_store_s3_scheme(location) > 0;
  size_t *count = s3 ? &all->s3_count : &all->local_count;
  if (*count == ROOTS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "catalog.allowed_locations: more than %d", (int)ROOTS_MAX - 1);
  }
  (s3 ? all->s3 : all->local)[(*count)++] = location;
  return ICE_OK;
}

static ice_status collect_places(const ice_settings *settings, ice_str warehouse, places *out, ice_error *err) {
  const ice_setting *allowed = ice_settings_get(settings, ICE_OPTION_ID_CATALOG_ALLOWED_LOCATIONS);
  ice_status status = ICE_OK;
  *out = (places){.local_count = 0};
  if (warehouse.size > 0) {
    ICE_TRY(add_place(out, warehouse, err));
  }
  for (uint32_t i = 0; i < allowed->item_count; i++) {
    ICE_TRY(add_place(out, allowed->items[i], err));
  }
done:
  return status;
}

// The keys that are set, or what AWS's own programs would use.
static ice_status open_provider(const ice_settings *settings, const ice_http_options *http, ice_aws_provider **out,
                                ice_error *err) {
  const ice_aws_credentials fixed = {.access_key_id = text_of(settings, ICE_OPTION_ID_STORE_S3_ACCESS_KEY),
                                     .secret_access_key = text_of(settings, ICE_OPTION_ID_STORE_S3_SECRET_KEY),
                                     .session_token = text_of(settings, ICE_OPTION_ID_STORE_S3_SESSION_TOKEN)};
  if (fixed.access_key_id.size > 0) {
    ice_status status = ice_settings_require(settings, ICE_OPTION_ID_STORE_S3_SECRET_KEY, err);
    return status == ICE_OK ? ice_aws_provider_fixed(&fixed, out, err) : status;
  }
  const ice_aws_chain_options chain = {
      .port = ice_port_system(), .http = *http, .profile = text_of(settings, ICE_OPTION_ID_STORE_S3_PROFILE)};
  return ice_aws_provider_chain(&chain, out, err);
}

// A setting, or what a REST catalog says where it is not set.
static ice_str or_said(ice_str set, const ice_rest_session *session, const char *key) {
  return set.size > 0 || !session ? set : ice_rest_session_property(session, key);
}

static ice_status open_s3(const ice_open_catalog_options *options, const places *where,
                          const ice_rest_session *session, ice_store **out, ice_error *err) {
  const ice_settings *settings = options->settings;
  const ice_setting *style = ice_settings_get(settings, ICE_OPTION_ID_STORE_S3_PATH_STYLE);
  ice_store_s3_options s3 = {
      .port = ice_port_system(),
      .observer = options->observer,
      .budget = options->budget,
      .endpoint = or_said(text_of(settings, ICE_OPTION_ID_STORE_S3_ENDPOINT), session, "s3.endpoint"),
      .region = or_said(text_of(settings, ICE_OPTION_ID_STORE_S3_REGION), session, "client.region"),
      .http = {.ca_file = path_of(settings, ICE_OPTION_ID_STORE_S3_CA_FILE), .stop = options->stop},
      .spill_directory = path_of(settings, ICE_OPTION_ID_WRITE_SPILL_DIRECTORY),
      .roots = where->s3,
      .root_count = where->s3_count};
  ice_str said = or_said((ice_str){0}, session, "s3.path-style-access");
  s3.path_style = style->set      ? style->number != 0
                  : said.size > 0 ? ice_str_equal_c(said, "true")
                                  : s3.endpoint.size > 0;
  ice_aws_provider *provider = NULL;
  ice_status status = open_provider(settings, &s3.http, &provider, err);
  return status == ICE_OK ? ice_store_s3_open(&s3, provider, out, err) : status;
}

// One store over all places. `*s3` is the part of it that speaks S3, or NULL.
static ice_status open_store(const ice_open_catalog_options *options, const places *where,
                             const ice_rest_session *session, ice_store **out, ice_store **s3, ice_error *err) {
  ice_store *local = NULL;
  *s3 = NULL;
  ice_status status = ICE_OK;
  if (where->local_count > 0) {
    ICE_TRY(ice_store_local_open(ice_port_system(), where->local, where->local_count, &local, err));
  }
  // A REST catalog may have its tables in S3 wherever its warehouse is.
  if (where->s3_count > 0 || session) {
    ICE_TRY(open_s3(options, where, session, s3, err));
  }
  ice_store *taken = local;
  local = NULL;
  ICE_TRY(ice_store_router_open(taken, *s3, out, err));
done:
  ice_store_destroy(local);
  return status;
}

// SQLite ------------------------------------------------------------------------------------------------------------

static ice_status make_parents(const ice_catalog_sqlite_options *options, ice_str warehouse, ice_error *err) {
  const ice_port *port = ice_port_system();
  ice_bytes path;
  ice_bytes_init(&path, PATH_MAX);
  ice_str file = ice_catalog_sqlite_path(options->uri);
  char directory[PATH_MAX];
  ice_status status = ICE_OK;
  snprintf(directory, sizeof directory, "%.*s", ICE_STR_ARG(file));
  char *slash = strrchr(directory, '/');
  if (slash && slash != directory) {
    *slash = '\0';
    ICE_TRY(port->files.make_directories(port->files.context, directory, err));
  }
  if (ice_store_s3_scheme(warehouse) == 0) {
    ICE_TRY(ice_location_path(warehouse, &path, err));
    ICE_TRY(port->files.make_directories(port->files.context, (const char *)path.data, err));
  }
done:
  ice_bytes_deinit(&path);
  return status;
}

static ice_status sqlite_uri(const ice_settings *settings, ice_bytes *out, ice_error *err) {
  ice_str path = ice_catalog_sqlite_path(text_of(settings, ICE_OPTION_ID_CATALOG_URI));
  ice_str directory = directory_of(settings, ICE_OPTION_ID_CATALOG_URI);
  ice_status status = ICE_OK;
  if (path.size > 0 && path.data[0] != '/' && directory.size > 0) {
    ICE_TRY(ice_bytes_append_format(out, err, "%.*s/", ICE_STR_ARG(directory)));
  }
  ICE_TRY(ice_bytes_append_str(out, path, err));
done:
  return status;
}

static ice_status open_sqlite(const ice_open_catalog_options *options, ice_catalog **out, ice_error *err) {
  const ice_settings *settings = options->settings;
  ice_store *store = NULL;
  ice_store *s3 = NULL;
  places where;
  ice_bytes given;
  ice_bytes warehouse;
  ice_bytes uri;
  ice_bytes_init(&given, LOCATION_MAX);
  ice_bytes_init(&warehouse, LOCATION_MAX);
  ice_bytes_init(&uri, LOCATION_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(read_warehouse(settings, &given, err));
  if (given.size == 0) {
    ICE_TRY(ice_settings_require(settings, ICE_OPTION_ID_CATALOG_WAREHOUSE, err));
  }
  ICE_TRY(absolute_location(directory_of(settings, ICE_OPTION_ID_CATALOG_WAREHOUSE), ice_bytes_str(&given),
                            &warehouse, err));
  ICE_TRY(sqlite_uri(settings, &uri, err));
  ice_catalog_sqlite_options sqlite = {.uri = ice_bytes_str(&uri),
                                       .name = text_of(settings, ICE_OPTION_ID_CATALOG_NAME),
                                       .warehouse = ice_bytes_str(&warehouse),
                                       .create = options->create};
  if (options->create) {
    ICE_TRY(make_parents(&sqlite, sqlite.warehouse, err));
  }
  ICE_TRY(collect_places(settings, sqlite.warehouse, &where, err));
  ICE_TRY(open_store(options, &where, NULL, &store, &s3, err));
  ICE_TRY(ice_catalog_sqlite_open(ice_port_system(), &sqlite, store, out, err));
done:
  ice_bytes_deinit(&given);
  ice_bytes_deinit(&warehouse);
  ice_bytes_deinit(&uri);
  return status;
}

// REST --------------------------------------------------------------------------------------------------------------

static bool is_choice(const ice_settings *settings, ice_option_id id, const char *choice) {
  return ice_str_equal_c(text_of(settings, id), choice);
}

static ice_status read_headers(const ice_settings *settings, ice_http_header *out, size_t *count, ice_error *err) {
  const ice_setting *setting = ice_settings_get(settings, ICE_OPTION_ID_CATALOG_HEADERS);
  *count = 0;
  for (const ice_yaml *entry = setting->tree ? setting->tree->first : NULL; entry; entry = entry->next) {
    if (entry->kind != ICE_YAML_SCALAR || *count == ICE_REST_HEADERS_MAX) {
      return ice_error_set(err, ICE_INVALID_ARGUMENT,
                           "%.*s:%u: catalog.headers is a map of at most %d names and texts",
                           ICE_STR_ARG(settings->file), entry->line, (int)ICE_REST_HEADERS_MAX);
    }
    out[(*count)++] = (ice_http_header){.name = entry->key, .value = entry->text};
  }
  return ICE_OK;
}

static ice_status open_session(const ice_open_catalog_options *options, ice_str warehouse, ice_rest_session **out,
                               ice_error *err) {
  const ice_settings *settings = options->settings;
  ice_http_header headers[ICE_REST_HEADERS_MAX];
  ice_str region = text_of(settings, ICE_OPTION_ID_CATALOG_SIGV4_REGION);
  ice_str store_region = text_of(settings, ICE_OPTION_ID_STORE_S3_REGION);
  ice_rest_options rest = {
      .port = ice_port_system(),
      .observer = options->observer,
      .uri = text_of(settings, ICE_OPTION_ID_CATALOG_URI),
      .warehouse = warehouse,
      .http = {.ca_file = path_of(settings, ICE_OPTION_ID_CATALOG_CA_FILE),
               .client_certificate = path_of(settings, ICE_OPTION_ID_CATALOG_CLIENT_CERTIFICATE),
               .client_key = path_of(settings, ICE_OPTION_ID_CATALOG_CLIENT_KEY),
               .stop = options->stop},
      .token = text_of(settings, ICE_OPTION_ID_CATALOG_TOKEN),
      .credential = text_of(settings, ICE_OPTION_ID_CATALOG_CREDENTIAL),
      .scope = text_of(settings, ICE_OPTION_ID_CATALOG_SCOPE),
      .oauth2_server_uri = text_of(settings, ICE_OPTION_ID_CATALOG_OAUTH2_SERVER_URI),
      .audience = text_of(settings, ICE_OPTION_ID_CATALOG_AUDIENCE),
      .resource = text_of(settings, ICE_OPTION_ID_CATALOG_RESOURCE),
      .sigv4 = ice_settings_get(settings, ICE_OPTION_ID_CATALOG_SIGV4_SERVICE)->set,
      .sigv4_service = text_of(settings, ICE_OPTION_ID_CATALOG_SIGV4_SERVICE),
      .sigv4_region = region.size > 0         ? region
                      : store_region.size > 0 ? store_region
                                              : ICE_STR("us-east-1"),
      .headers = headers,
      .atomic = is_choice(settings, ICE_OPTION_ID_CATALOG_ATOMIC_TRANSACTIONS, "yes")  ? ICE_REST_ATOMIC_YES
                : is_choice(settings, ICE_OPTION_ID_CATALOG_ATOMIC_TRANSACTIONS, "no") ? ICE_REST_ATOMIC_NO
                                                                                       : ICE_REST_ATOMIC_AUTO,
      .delegate = is_choice(settings, ICE_OPTION_ID_CATALOG_ACCESS_DELEGATION, "yes") ||
                  (is_choice(settings, ICE_OPTION_ID_CATALOG_ACCESS_DELEGATION, "auto") &&
                   !ice_settings_get(settings, ICE_OPTION_ID_STORE_S3_ACCESS_KEY)->set)};
  ice_status status = read_headers(settings, headers, &rest.header_count, err);
  return status == ICE_OK ? ice_rest_session_open(&rest, out, err) : status;
}

static ice_status open_rest(const ice_open_catalog_options *options, ice_catalog **out, ice_error *err) {
  ice_rest_session *session = NULL;
  ice_store *store = NULL;
  ice_store *s3 = NULL;
  ice_str place;
  places where;
  ice_bytes warehouse;
  ice_bytes_init(&warehouse, LOCATION_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(read_warehouse(options->settings, &warehouse, err));
  ICE_TRY(open_session(options, ice_bytes_str(&warehouse), &session, err));
  (void)ice_rest_session_warehouse(session, &place);
  ICE_TRY(collect_places(options->settings, place, &where, err));
  ICE_TRY(open_store(options, &where, session, &store, &s3, err));
  ice_rest_session *taken = session;
  session = NULL;
  ICE_TRY(ice_catalog_rest_open(taken, store, s3, out, err));
done:
  ice_rest_session_destroy(session);
  ice_bytes_deinit(&warehouse);
  return status;
}

ice_status ice_open_catalog(const ice_open_catalog_options *options, ice_catalog **out, ice_error *err) {
  *out = NULL;
  ice_status status = ice_settings_require(options->settings, ICE_OPTION_ID_CATALOG_URI, err);
  if (status != ICE_OK) {
    return status;
  }
  return is_choice(options->settings, ICE_OPTION_ID_CATALOG_TYPE, "rest") ? open_rest(options, out, err)
                                                                          : open_sqlite(options, out, err);
}
