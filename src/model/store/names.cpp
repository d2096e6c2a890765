#include "model/store/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/quote.h"
#include "base/utf8.h"

namespace jielong::store {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_hex(std::string_view text, std::size_t length) {
  return text.size() == length && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

[[noreturn]] void refuse(std::string_view text, std::string what, std::string fix) {
  throw bad_input(std::move(what), in_quotes(text), std::move(fix));
}

std::string_view cut_front(std::string_view& text, char mark) {
  const std::size_t at = text.find(mark);
  const std::string_view front = text.substr(0, at);
  text = at == text.npos ? std::string_view() : text.substr(at + 1);
  return front;
}

ModelName parse_hub(std::string_view given, std::string_view rest) {
  ModelName name;
  name.kind = ModelName::Kind::hub;
  const std::string_view place = cut_front(rest, ':');
  name.variant = rest;
  std::string_view revision = place;
  name.repo = cut_front(revision, '@');
  name.revision = revision;
  std::string_view repo = name.repo;
  const std::string_view user = cut_front(repo, '/');
  const bool two_parts = name.repo.find('/') != std::string::npos;
  if (!is_plain_name(user) || (two_parts && !is_plain_name(repo))) {
    refuse(given, "is not a repository of the Hub", "write hf:user/repo or hf:user/repo:Q4_K_M");
  }
  if (!name.revision.empty() && !is_plain_name(name.revision)) {
    refuse(given, "names a revision that cannot be", "write hf:user/repo@revision");
  }
  if (!name.variant.empty() && !is_safe_path(name.variant)) {
    refuse(given, "names a file that cannot be", "write hf:user/repo:Q4_K_M or a file's name");
  }
  return name;
}

ModelName parse_package(std::string_view given, std::string_view rest) {
  ModelName name;
  name.kind = ModelName::Kind::package;
  const std::size_t equals = rest.find("==");
  if (equals != rest.npos) {
    name.version = rest.substr(equals + 2);
    rest = rest.substr(0, equals);
  }
  const bool plain_version = std::all_of(name.version.begin(), name.version.end(), [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '+' || c == '!' || c == '_' || c == '-';
  });
  if (!is_plain_name(rest) || !plain_version || name.version.size() > 64 ||
      (equals != std::string_view::npos && !name.version.empty() &&
       !is_letter_or_digit(name.version[0])) ||
      (equals != std::string_view::npos && name.version.empty())) {
    refuse(given, "is not a package's name", "write pypi:name or pypi:name==version");
  }
  name.package = normalized_package(rest);
  return name;
}

ModelName parse_ollama(std::string_view given, std::string_view rest) {
  ModelName name;
  name.kind = ModelName::Kind::ollama;
  name.host = "registry.ollama.ai";
  name.space = "library";
  std::string_view path = rest;
  const std::size_t colon = rest.rfind(':');
  if (colon != rest.npos && rest.find('/', colon) == rest.npos) {
    name.tag = rest.substr(colon + 1);
    path = rest.substr(0, colon);
  } else {
    name.tag = "latest";
  }
  std::string_view parts[3];
  std::size_t count = 0;
  for (bool more = true; more;) {
    more = path.find('/') != path.npos;
    if (count == 3) refuse(given, "has too many parts", "write ollama:name:tag");
    parts[count++] = cut_front(path, '/');
  }
  name.model = parts[count - 1];
  if (count >= 2) name.space = parts[count - 2];
  if (count == 3) name.host = parts[0];
  for (const std::string* part : {&name.model, &name.space, &name.host, &name.tag}) {
    if (!is_plain_name(*part)) {
      refuse(given, "is not a model of Ollama",
             "write ollama:name, ollama:name:tag or "
             "ollama:space/name:tag");
    }
  }
  return name;
}

}  // namespace

bool is_plain_name(std::string_view text) {
  if (text.empty() || text.size() > 96 || text[0] == '.' || text[0] == '-') return false;
  if (text.find("..") != text.npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
  });
}

bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() > 512 || !is_valid_utf8(path)) return false;
  for (const char c : path) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\' || c == ':') return false;
  }
  std::string_view rest = path;
  for (bool more = true; more;) {
    more = rest.find('/') != rest.npos;
    const std::string_view part = cut_front(rest, '/');
    if (part.empty() || part[0] == '.' || part.size() > 200) return false;
  }
  return true;
}

bool is_sha256(std::string_view text) { return is_hex(text, 64); }
bool is_git_hash(std::string_view text) { return is_hex(text, 40); }

std::string normalized_package(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '-' || c == '_' || c == '.') {
      if (!out.empty() && out.back() != '-') out += '-';
    } else {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
  }
  return out;
}

ModelName parse_model_name(std::string_view text) {
  if (text.empty() || text.size() > 1024 || text.find('\0') != text.npos) {
    throw bad_input("is not a model's name", in_quotes(text, 80));
  }
  ModelName name;
  if (text.starts_with("hf:")) {
    name = parse_hub(text, text.substr(3));
  } else if (text.starts_with("pypi:")) {
    name = parse_package(text, text.substr(5));
  } else if (text.starts_with("ollama:")) {
    name = parse_ollama(text, text.substr(7));
  } else if (text.find('/') != text.npos || text.ends_with(".gguf") || text == "." ||
             text == "..") {
    name.kind = ModelName::Kind::path;
  }
  name.text = text;
  return name;
}

std::string ModelName::canonical() const {
  switch (kind) {
    case Kind::hub:
      return fmt::format("hf:{}{}{}{}{}", repo, revision.empty() ? "" : "@", revision,
                         variant.empty() ? "" : ":", variant);
    case Kind::package:
      return fmt::format("pypi:{}{}{}", package, version.empty() ? "" : "==", version);
    case Kind::ollama: {
      const bool usual_host = host == "registry.ollama.ai";
      return fmt::format("ollama:{}{}{}:{}", usual_host ? "" : host + "/",
                         usual_host && space == "library" ? "" : space + "/", model, tag);
    }
    default: return text;
  }
}

std::string ModelName::folder() const {
  // Two names share a folder only where one holds "--" itself; its label tells which it is.
  std::string out;
  for (const char c : canonical()) {
    if (c == '/') {
      out += "--";
    } else if (c == ':') {
      out += '=';
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace jielong::store
