// Security Token Service: temporary credentials of a role (AWS STS API Reference, AssumeRole and AssumeRoleWithWebIdentity).
#include "base/bytes.h"
#include "http/http_aws_answer.h"
#include "http/http_aws_lookup_priv.h"
#include "http/http_url.h"
#include <stdio.h>

enum { FORM_MAX = 4 * ICE_AWS_TOKEN_MAX, HEADERS_MAX = 1 + ICE_SIGV4_HEADERS_ADDED_MAX };

static ice_status append_field(ice_bytes *form, const char *name, ice_str value, ice_error *err) {
  ice_status status = ice_bytes_append_format(form, err, "&%s=", name);
  return status == ICE_OK ? ice_http_url_encode(value, form, err) : status;
}

static ice_status begin_form(const ice_aws_role *role, const char *action, ice_bytes *form, ice_error *err) {
  ice_str session = role->session_name.size > 0 ? role->session_name : ICE_STR("icesink");
  ice_status status = ICE_OK;
  ICE_TRY(ice_bytes_append_format(form, err, "Action=%s&Version=2011-06-15", action));
  ICE_TRY(append_field(form, "RoleArn", role->arn, err));
  ICE_TRY(append_field(form, "RoleSessionName", session, err));
  ICE_TRY(role->external_id.size > 0 ? append_field(form, "ExternalId", role->external_id, err) : ICE_OK);
done:
  return status;
}

static ice_str region_of(const ice_aws_lookup *lookup) {
  ice_str region = ice_aws_variable(lookup, "AWS_REGION");
  return region.size > 0 ? region : ice_aws_variable(lookup, "AWS_DEFAULT_REGION");
}

// "https://host/": the endpoint that is set, that of the region, or the one for all.
static ice_status endpoint_of(const ice_aws_lookup *lookup, ice_str *out, ice_error *err) {
  ice_bytes text;
  ice_http_url url;
  ice_bytes_init(&text, ICE_HTTP_URL_MAX);
  ice_str set = ice_aws_variable(lookup, "AWS_ENDPOINT_URL_STS");
  ice_str region = region_of(lookup);
  ice_status status = ICE_OK;
  ICE_TRY(set.size > 0 ? ice_bytes_append_str(&text, set, err)
          : region.size > 0
              ? ice_bytes_append_format(&text, err, "https://sts.%.*s.amazonaws.com%s", ICE_STR_ARG(region),
                                        ice_str_starts_with(region, ICE_STR("cn-")) ? ".cn" : "")
              : ice_bytes_append_str(&text, ICE_STR("https://sts.amazonaws.com"), err));
  ICE_TRY(ice_http_url_read(ice_bytes_str(&text), lookup->texts, &url, err));
  ice_bytes_clear(&text);
  ICE_TRY(ice_bytes_append_format(&text, err, "%.*s/", ICE_STR_ARG(url.base)));
  ICE_TRY(ice_arena_copy_str(lookup->texts, ice_bytes_str(&text), out, err));
done:
  ice_bytes_deinit(&text);
  return status;
}

// The fault's name alone: the text may quote what was sent.
static ice_status refuse(const ice_aws_lookup *lookup, const ice_http_response *response, ice_error *err) {
  ice_str fault = ice_aws_sts_fault(ice_bytes_str(&response->body), lookup->texts);
  bool again = response->status >= 500 || response->status == 429 || ice_str_equal_c(fault, "Throttling");
  ice_status status = ice_error_set(err, again ? ICE_IO : ICE_AUTH, "STS gives no credentials: HTTP status %d %.*s",
                                    response->status, ICE_STR_ARG(fault));
  if (err) {
    err->flags = again ? ICE_ERROR_RETRYABLE : 0;
    err->origin_code = response->status;
  }
  return status;
}

// `keys` sign the request; NULL: nobody does.
static ice_status ask(const ice_aws_lookup *lookup, const ice_bytes *form, const ice_aws_credentials *keys,
                      ice_aws_credentials *out, ice_error *err) {
  ice_http_client *client = NULL;
  ice_http_response response;
  ice_http_header headers[HEADERS_MAX] = {
      {ICE_STR("content-type"), ICE_STR("application/x-www-form-urlencoded; charset=utf-8")}};
  size_t count = 1;
  ice_str url;
  char digest[ICE_SHA256_HEX_SIZE];
  ice_str region = region_of(lookup);
  ice_http_response_init(&response, ICE_AWS_ANSWER_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(endpoint_of(lookup, &url, err));
  if (keys) {
    const ice_sigv4_scope scope = {.region = region.size > 0 ? region : ICE_STR("us-east-1"),
                                   .service = ICE_STR("sts"),
                                   .now_us = lookup->port->clock.now_us(lookup->port->clock.context)};
    ice_sha256_hex(ice_bytes_str(form), digest);
    ICE_TRY(ice_sigv4_sign(&scope, keys, ICE_HTTP_POST, url, ice_str_make(digest, sizeof digest), headers, &count,
                           HEADERS_MAX, lookup->texts, err));
  }
  ICE_TRY(ice_http_client_create(&lookup->http, &client, err));
  const ice_http_request request = {.method = ICE_HTTP_POST,
                                    .url = url.data,
                                    .headers = headers,
                                    .header_count = count,
                                    .body = ice_bytes_str(form)};
  ICE_TRY(ice_http_client_send(client, &request, &response, err));
  ICE_TRY(response.status == 200 ? ice_aws_sts_read(ice_bytes_str(&response.body), lookup->texts, out, err)
                                 : refuse(lookup, &response, err));
done:
  ice_http_client_destroy(client);
  ice_http_response_deinit(&response);
  return status;
}

ice_status ice_aws_assume_with_token(const ice_aws_lookup *lookup, const ice_aws_role *role, ice_str token_file,
                                     ice_aws_credentials *out, ice_error *err) {
  ice_bytes form;
  ice_str token;
  ice_bytes_init(&form, FORM_MAX);
  ice_status status = ICE_OK;
  // Read anew each time: whoever issues the token replaces the file.
  ICE_TRY(ice_aws_read_secret(lookup, token_file, &token, err));
  ICE_TRY(begin_form(role, "AssumeRoleWithWebIdentity", &form, err));
  ICE_TRY(append_field(&form, "WebIdentityToken", token, err));
  ICE_TRY(ask(lookup, &form, NULL, out, err));
done:
  ice_bytes_deinit(&form);
  return status;
}

ice_status ice_aws_assume_with_keys(const ice_aws_lookup *lookup, const ice_aws_role *role,
                                    const ice_aws_credentials *keys, ice_aws_credentials *out, ice_error *err) {
  ice_bytes form;
  ice_bytes_init(&form, FORM_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(begin_form(role, "AssumeRole", &form, err));
  ICE_TRY(ask(lookup, &form, keys, out, err));
done:
  ice_bytes_deinit(&form);
  return status;
}

ice_status ice_aws_from_web_identity(const ice_aws_lookup *lookup, ice_aws_credentials *out, ice_error *err) {
  ice_str file = ice_aws_variable(lookup, "AWS_WEB_IDENTITY_TOKEN_FILE");
  const ice_aws_role role = {.arn = ice_aws_variable(lookup, "AWS_ROLE_ARN"),
                             .session_name = ice_aws_variable(lookup, "AWS_ROLE_SESSION_NAME")};
  if (file.size == 0) {
    return ICE_NOT_FOUND;
  }
  if (role.arn.size == 0) {
    return ice_error_set(err, ICE_AUTH, "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not");
  }
  return ice_aws_assume_with_token(lookup, &role, file, out, err);
}
