// The endpoints that a container or a machine in AWS asks for the credentials of its role ("Container credential provider", "IMDS
// credential provider", AWS SDKs and Tools Reference Guide).
#include "base/bytes.h"
#include "http/http_aws_answer.h"
#include "http/http_aws_lookup_priv.h"
#include "http/http_url.h"

enum {
  CONNECT_MS = 1000,
  SILENCE_MS = 2000,
  ROLE_MAX = 128,
};

#define INSTANCE_ENDPOINT "http://169.254.169.254"
#define INSTANCE_ROLES "/latest/meta-data/iam/security-credentials/"

// Local endpoints: they answer at once or are not there, and no proxy stands before them.
static ice_status send(const ice_aws_lookup *lookup, const ice_http_request *request, ice_http_response *response,
                       ice_error *err) {
  ice_http_options options = lookup->http;
  ice_http_client *client;
  options.connect_timeout_ms = CONNECT_MS;
  options.silence_timeout_ms = SILENCE_MS;
  options.proxy = "";
  ice_status status = ice_http_client_create(&options, &client, err);
  if (status == ICE_OK) {
    status = ice_http_client_send(client, request, response, err);
    ice_http_client_destroy(client);
  }
  return status;
}

static bool is_local_host(ice_str url) {
  if (memchr(url.data, '@', url.size)) {
    return false;
  }
  static const ice_str hosts[] = {ICE_STR_INIT("127."),           ICE_STR_INIT("localhost"),
                                  ICE_STR_INIT("[::1]"),          ICE_STR_INIT("169.254.170.2"),
                                  ICE_STR_INIT("169.254.170.23"), ICE_STR_INIT("[fd00:ec2::23]")};
  ice_str rest = ice_str_make(url.data + 7, url.size - 7);
  size_t size = 0;
  while (size < rest.size && rest.data[size] != '/' && !(rest.data[size] == ':' && rest.data[0] != '[')) {
    size++;
  }
  ice_str host = ice_str_make(rest.data, size);
  bool loopback = ice_str_starts_with(host, hosts[0]);
  for (size_t i = 0; i < host.size; i++) {
    loopback = loopback && ((host.data[i] >= '0' && host.data[i] <= '9') || host.data[i] == '.');
  }
  for (size_t i = 1; i < ICE_COUNT_OF(hosts); i++) {
    bool with_port = hosts[i].data[0] == '[' && ice_str_starts_with(host, hosts[i]) && host.size > hosts[i].size &&
                     host.data[hosts[i].size] == ':';
    if (ice_str_equal(host, hosts[i]) || with_port) {
      return true;
    }
  }
  return loopback;
}

static ice_status container_url(const ice_aws_lookup *lookup, ice_str *out, ice_error *err) {
  ice_str relative = ice_aws_variable(lookup, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  ice_str full = ice_aws_variable(lookup, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  ice_str host = lookup->container_host.size > 0 ? lookup->container_host : ICE_STR("http://169.254.170.2");
  ice_bytes text;
  ice_bytes_init(&text, ICE_HTTP_URL_MAX);
  ice_status status = ICE_OK;
  if (relative.size == 0 && full.size == 0) {
    return ICE_NOT_FOUND;
  }
  if (relative.size > 0 && relative.data[0] != '/') {
    ICE_FAIL(ICE_AUTH, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with '/'");
  }
  bool tls = ice_str_starts_with(full, ICE_STR("https://"));
  // A key in clear text may not leave the machine.
  if (relative.size == 0 && !tls && !(ice_str_starts_with(full, ICE_STR("http://")) && is_local_host(full))) {
    ICE_FAIL(ICE_AUTH, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor a host of this machine");
  }
  ICE_TRY(relative.size > 0
              ? ice_bytes_append_format(&text, err, "%.*s%.*s", ICE_STR_ARG(host), ICE_STR_ARG(relative))
              : ice_bytes_append_str(&text, full, err));
  ICE_TRY(ice_arena_copy_str(lookup->texts, ice_bytes_str(&text), out, err));
done:
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_aws_from_container(const ice_aws_lookup *lookup, ice_aws_credentials *out, ice_error *err) {
  ice_http_response response;
  ice_str url;
  ice_str token = ice_aws_variable(lookup, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
  ice_str token_file = ice_aws_variable(lookup, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  ice_http_response_init(&response, ICE_AWS_ANSWER_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(container_url(lookup, &url, err));
  if (token_file.size > 0) {
    ICE_TRY(ice_aws_read_secret(lookup, token_file, &token, err));
  }
  const ice_http_header header = {ICE_STR("authorization"), token};
  const ice_http_request request = {
      .method = ICE_HTTP_GET, .url = url.data, .headers = &header, .header_count = token.size > 0 ? 1 : 0};
  ICE_TRY(send(lookup, &request, &response, err));
  if (response.status != 200) {
    bool again = response.status >= 500 || response.status == 429;
    ice_error_set(err, again ? ICE_IO : ICE_AUTH, "the container's endpoint gives no credentials: HTTP status %d",
                  response.status);
    if (err) {
      err->flags = again ? ICE_ERROR_RETRYABLE : 0;
    }
    status = again ? ICE_IO : ICE_AUTH;
    goto done;
  }
  ICE_TRY(ice_aws_json_read(ice_bytes_str(&response.body), lookup->texts, out, err));
done:
  ice_http_response_deinit(&response);
  return status;
}

// One request of the instance metadata service. NOT_FOUND where it has nothing.
static ice_status ask_instance(const ice_aws_lookup *lookup, ice_http_method method, ice_str path, ice_str role,
                               const ice_http_header *header, ice_http_response *response, ice_error *err) {
  ice_str endpoint = ice_aws_variable(lookup, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
  ice_http_url base;
  ice_bytes url;
  ice_bytes_init(&url, ICE_HTTP_URL_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_http_url_read(endpoint.size > 0 ? endpoint : ICE_STR(INSTANCE_ENDPOINT), lookup->texts, &base, err));
  ICE_TRY(ice_bytes_append_format(&url, err, "%.*s%.*s", ICE_STR_ARG(base.base), ICE_STR_ARG(path)));
  ICE_TRY(ice_http_url_encode(role, &url, err));
  const char *text = ice_bytes_c_str(&url, err);
  if (!text) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a URL");
  }
  const ice_http_request request = {.method = method, .url = text, .headers = header, .header_count = 1};
  ICE_TRY(send(lookup, &request, response, err));
  if (response->status != 200) {
    bool again = response->status >= 500 || response->status == 429;
    ice_error_set(err, again ? ICE_IO : ICE_NOT_FOUND, "the instance metadata service: HTTP status %d",
                  response->status);
    if (err) {
      err->flags = again ? ICE_ERROR_RETRYABLE : 0;
    }
    status = again ? ICE_IO : ICE_NOT_FOUND;
  }
done:
  ice_bytes_deinit(&url);
  return status;
}

static ice_str first_line(const ice_bytes *body) {
  ice_str text = ice_bytes_str(body);
  size_t size = 0;
  while (size < text.size && text.data[size] != '\n' && text.data[size] != '\r') {
    size++;
  }
  return ice_str_make(text.data, size);
}

ice_status ice_aws_from_instance(const ice_aws_lookup *lookup, ice_aws_credentials *out, ice_error *err) {
  ice_str disabled = ice_aws_variable(lookup, "AWS_EC2_METADATA_DISABLED");
  ice_http_header header = {ICE_STR("x-aws-ec2-metadata-token-ttl-seconds"), ICE_STR("21600")};
  ice_http_response response;
  ice_str token;
  ice_str role;
  if (disabled.size == 4 && strncasecmp(disabled.data, "true", 4) == 0) {
    return ICE_NOT_FOUND;
  }
  ice_http_response_init(&response, ICE_AWS_ANSWER_MAX);
  ice_status status = ICE_OK;
  // Version 2 alone: a request without a token is what a cheated proxy could be made to send.
  ICE_TRY(ask_instance(lookup, ICE_HTTP_PUT, ICE_STR("/latest/api/token"), (ice_str){0}, &header, &response, err));
  ICE_TRY(ice_arena_copy_str(lookup->texts, first_line(&response.body), &token, err));
  header = (ice_http_header){ICE_STR("x-aws-ec2-metadata-token"), token};
  ICE_TRY(ask_instance(lookup, ICE_HTTP_GET, ICE_STR(INSTANCE_ROLES), (ice_str){0}, &header, &response, err));
  ICE_TRY(ice_arena_copy_str(lookup->texts, first_line(&response.body), &role, err));
  if (role.size == 0 || role.size > ROLE_MAX) {
    ICE_FAIL(ICE_NOT_FOUND, "the instance has no role");
  }
  ICE_TRY(ask_instance(lookup, ICE_HTTP_GET, ICE_STR(INSTANCE_ROLES), role, &header, &response, err));
  ICE_TRY(ice_aws_json_read(ice_bytes_str(&response.body), lookup->texts, out, err));
done:
  ice_http_response_deinit(&response);
  return status;
}
