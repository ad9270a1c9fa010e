#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/http_aws_profile.h"

static ice_arena arena;

static int setup(void **state) {
  (void)state;
  ice_arena_init(&arena, 1 << 20);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  ice_arena_deinit(&arena);
  return 0;
}

static void assert_text(ice_str found, const char *expected) {
  assert_int_equal(found.size, strlen(expected));
  assert_memory_equal(found.data ? found.data : "", expected, found.size);
}

static ice_aws_profile read(const char *credentials, const char *config, const char *name) {
  ice_aws_profile profile = {0};
  assert_int_equal(ice_aws_profile_read(ice_str_of(credentials), false, ice_str_of(name), &arena, &profile, NULL),
                   ICE_OK);
  assert_int_equal(ice_aws_profile_read(ice_str_of(config), true, ice_str_of(name), &arena, &profile, NULL), ICE_OK);
  return profile;
}

static void test_http_aws_profile__reads_the_section_of_its_name(void **state) {
  (void)state;
  static const char text[] =
      "aws_access_key_id = outside\n"
      "# a comment\n"
      "[default]\r\n"
      "aws_access_key_id = A1\r\n"
      "aws_secret_access_key=s/+=1  \r\n"
      "\n"
      "[ other ]\n"
      "; aws_session_token = no\n"
      "aws_access_key_id = A2 # comment\n"
      "aws_secret_access_key = s#2;\n"
      "aws_session_token = t==\n"
      "[default2]\n"
      "aws_access_key_id = A3";
  ice_aws_profile profile = read(text, "", "default");
  assert_true(profile.found);
  assert_text(profile.access_key_id, "A1");
  assert_text(profile.secret_access_key, "s/+=1");
  assert_int_equal(profile.session_token.size, 0);
  profile = read(text, "", "other");
  assert_text(profile.access_key_id, "A2");
  assert_text(profile.secret_access_key, "s#2;");
  assert_text(profile.session_token, "t==");
  assert_text(read(text, "", "default2").access_key_id, "A3");
  assert_false(read(text, "", "none").found);
}

static void test_http_aws_profile__knows_the_names_of_the_config_file(void **state) {
  (void)state;
  static const char text[] =
      "[default]\nrole_arn = r0\n"
      "[profile one]\nrole_arn = r1\nsource_profile = default\nrole_session_name = n\nexternal_id = x\n"
      "s3 =\n  role_arn = nested\n"
      "[profile \"two words\"]\nrole_arn = r2\nweb_identity_token_file = /t\n"
      "[three]\nrole_arn = r3\n"
      "[sso-session four]\nrole_arn = r4\n"
      "[profile five]\ncredential_process = /bin/steal\n";
  assert_text(read("", text, "default").role_arn, "r0");
  ice_aws_profile profile = read("", text, "one");
  assert_text(profile.role_arn, "r1");
  assert_text(profile.source_profile, "default");
  assert_text(profile.role_session_name, "n");
  assert_text(profile.external_id, "x");
  assert_text(read("", text, "two words").web_identity_token_file, "/t");
  assert_false(read("", text, "three").found);
  assert_false(read("", text, "four").found);
  assert_text(read("", text, "five").unsupported, "credential_process");
}

static void test_http_aws_profile__takes_a_pair_of_keys_from_one_file(void **state) {
  (void)state;
  ice_aws_profile profile = read("[a]\naws_access_key_id=A1\naws_secret_access_key=S1\n",
                                 "[profile a]\naws_access_key_id=A2\naws_secret_access_key=S2\naws_session_token=T2\n"
                                 "role_arn=r\n",
                                 "a");
  assert_text(profile.access_key_id, "A1");
  assert_text(profile.secret_access_key, "S1");
  assert_int_equal(profile.session_token.size, 0);
  assert_text(profile.role_arn, "r");
  // In one file the last line of a key counts.
  assert_text(read("[a]\naws_access_key_id=A1\n[b]\n[a]\naws_access_key_id=A2\n", "", "a").access_key_id, "A2");
}

static void test_http_aws_profile__passes_over_lines_that_are_none(void **state) {
  (void)state;
  ice_aws_profile profile =
      read("[unclosed\naws_access_key_id=A0\n[a]x\nnonsense\n=\n= v\nk =\n[]\n[a]\naws_access_key_id=A1\n",
           "[profile]\n[profile ]\n[profilea]\nrole_arn=r\n", "a");
  assert_text(profile.access_key_id, "A1");
  assert_int_equal(profile.role_arn.size, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_http_aws_profile__reads_the_section_of_its_name, setup, teardown),
      cmocka_unit_test_setup_teardown(test_http_aws_profile__knows_the_names_of_the_config_file, setup, teardown),
      cmocka_unit_test_setup_teardown(test_http_aws_profile__takes_a_pair_of_keys_from_one_file, setup, teardown),
      cmocka_unit_test_setup_teardown(test_http_aws_profile__passes_over_lines_that_are_none, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
