#include "assembly/open_catalog.h"
#include "observe/log.h"
#include "session/session_priv.h"

#include <stdlib.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 64 * 1024, SETTINGS_MAX = 1000, WAIT_SLICE_MS = 50 };

// Telling -----------------------------------------------------------------------------------------------------------

static void tell(void *context, ice_log_level level, ice_str message, const ice_log_field *fields,
                 size_t field_count) {
  ice_session *session = context;
  ice_bytes_clear(&session->log_line);
  // What does not fit is cut.
  (void)!ice_log_append_text(&session->log_line, message, fields, field_count);
  const char *text = ice_bytes_c_str(&session->log_line, NULL);
  if (text) {
    session->log(session->log_context, level, text);
  }
}

// Opening -----------------------------------------------------------------------------------------------------------

static ice_status load_settings(const ice_session_options *options, ice_settings *out, ice_error *err) {
  ice_str flags[SETTINGS_MAX];
  if (options->setting_count > SETTINGS_MAX) {
    return ice_error_set(err, ICE_LIMIT, "more than %d settings", (int)SETTINGS_MAX);
  }
  for (size_t i = 0; i < options->setting_count; i++) {
    flags[i] = ice_str_of(options->settings[i]);
  }
  const ice_settings_sources sources = {.file = options->file,
                                        .dotenv = options->environment ? ".env.local" : NULL,
                                        .environment = options->environment ? environ : NULL,
                                        .flags = flags,
                                        .flag_count = options->setting_count,
                                        .literal_flags = true};
  return ice_settings_load(ice_port_system(), &sources, out, err);
}

ice_status ice_session_open(const ice_session_options *options, ice_session **out, ice_error *err) {
  *out = NULL;
  ice_session *session = calloc(1, sizeof *session);
  if (!session) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a session");
  }
  session->log = options->log;
  session->log_context = options->log_context;
  session->observer = (ice_observer){.context = session, .log = options->log ? tell : NULL};
  ice_bytes_init(&session->log_line, LOG_LINE_MAX);
  ice_status status = load_settings(options, &session->settings, err);
  if (status != ICE_OK) {
    ice_session_close(session);
    return status;
  }
  ice_budget_init(&session->budget, ice_settings_number(&session->settings, ICE_OPTION_ID_MEMORY));
  *out = session;
  return ICE_OK;
}

void ice_session_close(ice_session *session) {
  if (session) {
    ice_catalog_destroy(session->catalog);
    ice_settings_deinit(&session->settings);
    ice_bytes_deinit(&session->log_line);
    free(session);
  }
}

void ice_session_stop(ice_session *session) { session->stop = true; }

ice_status ice_session_reach(ice_session *session, bool create, ice_error *err) {
  if (session->stop) {
    return ice_error_set(err, ICE_CANCELLED, "the session was stopped");
  }
  if (session->catalog) {
    return ICE_OK;
  }
  const ice_open_catalog_options options = {.settings = &session->settings,
                                            .create = create,
                                            .observer = &session->observer,
                                            .budget = &session->budget,
                                            .stop = &session->stop};
  return ice_open_catalog(&options, &session->catalog, err);
}

ice_status ice_session_connect(ice_session *session, ice_error *err) {
  return ice_session_reach(session, false, err);
}

ice_status ice_session_fatal(ice_status status, ice_error *err) {
  if (err) {
    err->flags |= ICE_ERROR_FATAL;
  }
  return status;
}

ice_status ice_session_wait(ice_session *session, int64_t ms, ice_error *err) {
  const ice_clock *clock = &ice_port_system()->clock;
  for (int64_t left = ms; left > 0 && !session->stop; left -= WAIT_SLICE_MS) {
    clock->wait_us(clock->context, (left < WAIT_SLICE_MS ? left : WAIT_SLICE_MS) * 1000);
  }
  return session->stop ? ice_error_set(err, ICE_CANCELLED, "the session was stopped") : ICE_OK;
}

// Texts -------------------------------------------------------------------------------------------------------------

ice_status ice_session_text(ice_bytes *bytes, ice_text *out, ice_error *err) {
  *out = (ice_text){0};
  if (!ice_bytes_c_str(bytes, err)) {
    ice_bytes_deinit(bytes);
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a text");
  }
  // The buffer itself is handed over: it is of malloc's, and free takes it.
  *out = (ice_text){.data = (char *)bytes->data, .size = bytes->size};
  *bytes = (ice_bytes){.size_max = bytes->size_max};
  return ICE_OK;
}

ice_status ice_session_property(const char *text, ice_property *out, ice_error *err) {
  const char *equals = strchr(text, '=');
  if (!equals || equals == text) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "\"%s\" is not key=value", text);
  }
  *out = (ice_property){.key = ice_str_make(text, (size_t)(equals - text)), .value = ice_str_of(equals + 1)};
  return ICE_OK;
}

void ice_text_free(ice_text *text) {
  free(text->data);
  *text = (ice_text){0};
}

ice_status ice_session_setting(const ice_session *session, const char *key, ice_text *out, ice_error *err) {
  *out = (ice_text){0};
  ice_option_id id = ice_option_find(ice_str_of(key));
  if (id == ICE_OPTION_ID_COUNT) {
    const char *near = ice_option_suggest(ice_str_of(key));
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "there is no setting %s%s%s%s", key,
                         near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
  }
  const ice_setting *setting = ice_settings_get(&session->settings, id);
  bool secret = ice_option_get(id)->type == ICE_OPTION_SECRET;
  ice_bytes text;
  ice_bytes_init(&text, ICE_SESSION_TEXT_MAX);
  ice_status status = ICE_OK;
  if (setting->item_count > 0) {
    for (uint32_t i = 0; i < setting->item_count; i++) {
      ICE_TRY(ice_bytes_append_format(&text, err, "%s%.*s", i == 0 ? "" : ",", ICE_STR_ARG(setting->items[i])));
    }
  } else if (!secret) {
    ICE_TRY(ice_bytes_append_str(&text, setting->text, err));
  }
  ICE_TRY(ice_session_text(&text, out, err));
done:
  ice_bytes_deinit(&text);
  return status;
}
