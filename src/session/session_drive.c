#include "session/session_priv.h"

enum { DELAY_MAX_MS = 5000 };

// Whether another attempt may go better without anybody's doing.
static bool passes(ice_status status, const ice_error *err) {
  return status == ICE_OK || status == ICE_TIMEOUT || (err->flags & ICE_ERROR_RETRYABLE) != 0;
}

static ice_status give_up(ice_status status, bool unknown, ice_error *err) {
  // An earlier attempt may have been applied, whatever the last one says; but for a policy, which has looked.
  bool decided = (err->flags & ICE_ERROR_POLICY) != 0;
  // One that gave no reason was undecided all the same.
  if (status == ICE_OK && err->status == ICE_OK) {
    ice_error_set(err, ICE_CONFLICT, "the commit was not decided: other writers are faster");
  }
  status = unknown && !decided ? ICE_COMMIT_UNKNOWN : err->status;
  err->status = status;
  return status;
}

ice_status ice_session_drive(ice_session *session, ice_session_attempt attempt, void *context, ice_error *err) {
  const ice_port *port = ice_port_system();
  int64_t delay_ms = ice_settings_number(&session->settings, ICE_OPTION_ID_COMMIT_RETRY_DELAY);
  int64_t give_up_ms = ice_settings_number(&session->settings, ICE_OPTION_ID_COMMIT_GIVE_UP);
  int64_t begin_us = port->clock.monotonic_us(port->clock.context);
  for (;;) {
    ice_error_clear(err);
    bool done = false;
    bool unknown = false;
    ice_status status = attempt(context, &done, &unknown, err);
    if (done) {
      return ICE_OK;
    }
    bool over = give_up_ms > 0 && port->clock.monotonic_us(port->clock.context) - begin_us >= give_up_ms * 1000;
    if (!passes(status, err) || over) {
      return give_up(status, unknown, err);
    }
    ice_log_field field = ICE_LOG_TEXT("error", ice_str_of(err->message));
    ice_observe_log(&session->observer, ICE_LOG_WARN, ICE_STR("A commit was not decided; trying again"), &field, 1);
    status = ice_session_wait(session, ice_port_jitter(port, delay_ms), err);
    if (status != ICE_OK) {
      return give_up(status, unknown, err);
    }
    delay_ms = delay_ms * 2 > DELAY_MAX_MS ? DELAY_MAX_MS : delay_ms * 2;
  }
}
