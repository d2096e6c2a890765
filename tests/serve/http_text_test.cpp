#include "serve/http_text.h"

#include <gtest/gtest.h>

#include <string>

namespace jielong::serve {
namespace {

TEST(HttpText, ReadsHosts) {
  EXPECT_EQ(parse_host("Example.ORG:8080"), (HostPort{"example.org", 8080}));
  EXPECT_EQ(parse_host("localhost"), (HostPort{"localhost", 0}));
  EXPECT_EQ(parse_host("example.org."), (HostPort{"example.org", 0}));
  EXPECT_EQ(parse_host("[::1]:65535"), (HostPort{"::1", 65535}));
  EXPECT_EQ(parse_host("[2001:DB8::1]"), (HostPort{"2001:db8::1", 0}));
  EXPECT_EQ(parse_host("192.168.1.2:80"), (HostPort{"192.168.1.2", 80}));
  for (const std::string wrong :
       {"",     ":80",   ".",   "..",   "a:",        "a:0",    "a:65536",   "a:+1",
        "a:8o", "a:1:2", "::1", "[::1", "[]",        "[::1]x", "[1.2.3.4]", "a b",
        "a/b",  "a@b",   "a%b", "a,b",  "ä.example", "a\tb"}) {
    EXPECT_FALSE(parse_host(wrong)) << wrong;
  }
  EXPECT_FALSE(parse_host(std::string("localhost\0.example", 18)));
  EXPECT_FALSE(parse_host(std::string("[::1\0]", 6)));
  EXPECT_FALSE(parse_host(std::string(1000, 'a')));
}

TEST(HttpText, ReadsOrigins) {
  EXPECT_EQ(parse_origin("http://localhost:8080"), (HostPort{"localhost", 8080}));
  EXPECT_EQ(parse_origin("http://example.org"), (HostPort{"example.org", 80}));
  EXPECT_EQ(parse_origin("https://example.org"), (HostPort{"example.org", 443}));
  for (const char* wrong : {"null", "", "http://", "ftp://a", "HTTP://a", "http://a/", "a",
                            "http://user@a", "chrome-extension://abc"}) {
    EXPECT_FALSE(parse_origin(wrong)) << wrong;
  }
}

TEST(HttpText, KnowsLoopback) {
  for (const char* name : {"localhost", "a.localhost", "127.0.0.1", "127.255.0.9", "::1"}) {
    EXPECT_TRUE(is_loopback(name)) << name;
  }
  for (const char* name :
       {"localhost.a", "xlocalhost", "127.0.0.1.a", "127.a", "128.0.0.1", "::2", "", "0.0.0.0"}) {
    EXPECT_FALSE(is_loopback(name)) << name;
  }
  EXPECT_TRUE(is_address("10.0.0.1"));
  EXPECT_TRUE(is_address("fe80::1"));
  EXPECT_FALSE(is_address("10.0.0.1.example"));
  EXPECT_FALSE(is_address("dead.beef"));
}

TEST(HttpText, DecodesPaths) {
  EXPECT_EQ(decode_path("/"), "/");
  EXPECT_EQ(decode_path("/a%20b/%e4%BD%A0"), "/a b/你");
  EXPECT_EQ(decode_path("/v1/models/hf:a%2Fb"), "/v1/models/hf:a/b");
  EXPECT_EQ(decode_path("/..."), "/...");
  EXPECT_EQ(decode_path("/a..b/.c"), "/a..b/.c");
  for (const char* wrong :
       {"",          "a",     "//..",        "/..",  "/../a", "/a/..",  "/a/./b", "/.",
        "/%2e%2e/a", "/%2E.", "/a%2f..%2fb", "/%",   "/%4",   "/%4g",   "/%00",   "/a%0ab",
        "/a\tb",     "/%7f",  "/a\\b",       "/%5c", "/%ff",  "/%c0%ae"}) {
    EXPECT_FALSE(decode_path(wrong)) << wrong;
  }
}

TEST(HttpText, ReadsListsOfCodingsAndTags) {
  EXPECT_TRUE(accepts_coding("gzip", "gzip"));
  EXPECT_TRUE(accepts_coding("br, GZIP;q=0.5", "gzip"));
  EXPECT_TRUE(accepts_coding("*", "gzip"));
  EXPECT_FALSE(accepts_coding("", "gzip"));
  EXPECT_FALSE(accepts_coding("gzip;q=0", "gzip"));
  EXPECT_FALSE(accepts_coding("gzip; Q=0.000, *", "gzip"));
  EXPECT_FALSE(accepts_coding("*;q=0", "gzip"));
  EXPECT_FALSE(accepts_coding("xgzip", "gzip"));
  EXPECT_TRUE(names_etag("\"a\", W/\"b\"", "\"b\""));
  EXPECT_TRUE(names_etag("*", "\"b\""));
  EXPECT_FALSE(names_etag("\"bc\"", "\"b\""));
  EXPECT_FALSE(names_etag("", "\"b\""));
}

TEST(HttpText, KnowsTokensAndValues) {
  EXPECT_TRUE(is_token("X-Api-Key"));
  EXPECT_FALSE(is_token("a b"));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a:"));
  EXPECT_TRUE(is_field_value("a\tb ä"));
  EXPECT_FALSE(is_field_value("a\rb"));
  EXPECT_EQ(trim(" \ta b\t "), "a b");
  EXPECT_EQ(trim("  "), "");
}

}  // namespace
}  // namespace jielong::serve
