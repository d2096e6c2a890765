#include "token/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include "base/error.h"
#include "base/quote.h"
#include "base/utf8.h"

namespace jielong {
namespace {

constexpr std::size_t kMaxPattern = 32 * 1024;
constexpr std::uint32_t kMaxNesting = 100;
constexpr std::uint32_t kMaxSteps = 10'000'000;
constexpr std::uint32_t kMaxHeapKiB = 64 * 1024;
constexpr std::size_t kJitStackBytes = 1024 * 1024;

struct Delete {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_compile_context* p) const { pcre2_compile_context_free(p); }
  void operator()(pcre2_jit_stack* p) const { pcre2_jit_stack_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Delete>;

/// What a match needs besides the pattern; one for each thread, shared by all patterns.
struct MatchTools {
  Owned<pcre2_match_data> data{pcre2_match_data_create(1, nullptr)};
  Owned<pcre2_match_context> context{pcre2_match_context_create(nullptr)};
  Owned<pcre2_jit_stack> stack{pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr)};

  MatchTools() {
    if (!data || !context || !stack) {
      throw Error(ErrorKind::limit, "no memory for regular expressions");
    }
    pcre2_set_match_limit(context.get(), kMaxSteps);
    pcre2_set_heap_limit(context.get(), kMaxHeapKiB);
    pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }
};

MatchTools& match_tools() {
  thread_local MatchTools tools;
  return tools;
}

constexpr std::string_view kSpaces =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kWords =
    R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{24B6}-\x{24E9}\x{1F130}-\x{1F149}\x{1F150}-\x{1F169}\x{1F170}-\x{1F189})";

/// PCRE2's \s and \w differ from those of the engines that the files were written for
/// (U+180E; marks and connectors), so they are spelled out.
std::string spell_out_classes(std::string_view pattern) {
  std::string out;
  out.reserve(pattern.size() * 2);
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      const bool space = escaped == 's' || escaped == 'S';
      const bool word = escaped == 'w' || escaped == 'W';
      const bool negated = escaped == 'S' || escaped == 'W';
      if ((!space && !word) || (in_class && negated)) {
        out += c;
        out += escaped;
        continue;
      }
      const std::string_view members = space ? kSpaces : kWords;
      if (in_class) {
        out += members;
      } else {
        out += negated ? "[^" : "[";
        out += members;
        out += ']';
      }
      continue;
    }
    if (c == '[' && in_class && i + 1 < pattern.size() && pattern[i + 1] == ':') {
      const std::size_t close = pattern.find(":]", i + 2);
      if (close != std::string_view::npos) {
        out += pattern.substr(i, close + 2 - i);
        i = close + 1;
        continue;
      }
    }
    if (c == '[' && !in_class) {
      in_class = true;
      out += c;
      // A closing bracket in the first place is an ordinary member.
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') {
        out += "\\]";
        ++i;
      }
      continue;
    }
    if (c == '[' && in_class) {
      out += "\\[";
      continue;
    }
    if (c == ']') in_class = false;
    out += c;
  }
  return out;
}

std::string message_of(int code) {
  PCRE2_UCHAR text[160];
  if (pcre2_get_error_message(code, text, sizeof text) < 0) return fmt::format("error {}", code);
  return reinterpret_cast<const char*>(text);
}

}  // namespace

struct Regex::Code {
  Owned<pcre2_code> compiled;
  bool jit = false;
};

Regex::Regex(std::string_view pattern, const std::string& where)
    : code_(std::make_unique<Code>()), pattern_(pattern) {
  if (pattern.size() > kMaxPattern) {
    throw Error(ErrorKind::limit,
                fmt::format("the regular expression is longer than {} bytes", kMaxPattern), where);
  }
  if (!is_valid_utf8(pattern)) throw bad_input("the regular expression is not UTF-8", where);
  const std::string spelled = spell_out_classes(pattern);
  const Owned<pcre2_compile_context> context{pcre2_compile_context_create(nullptr)};
  if (!context) throw Error(ErrorKind::limit, "no memory for regular expressions", where);
  pcre2_set_parens_nest_limit(context.get(), kMaxNesting);
  int error = 0;
  PCRE2_SIZE at = 0;
  code_->compiled.reset(pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(spelled.data()), spelled.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY,
      &error, &at, context.get()));
  if (!code_->compiled) {
    throw bad_input(fmt::format("the regular expression {} is wrong: {}", in_quotes(pattern_),
                                message_of(error)),
                    where);
  }
  code_->jit = pcre2_jit_compile(code_->compiled.get(), PCRE2_JIT_COMPLETE) == 0;
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

void Regex::find_all(std::string_view text, std::vector<TextRange>& matches) const {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = begin;
    CodePoint point{};
    while (end < text.size()) {
      if (static_cast<unsigned char>(text[end]) < 0x80) {
        ++end;
        continue;
      }
      point = decode_utf8(text.substr(end));
      if (!point.valid) break;
      end += point.length;
    }
    find_in_valid(text.substr(begin, end - begin), static_cast<std::uint32_t>(begin), matches);
    begin = end + 1;
  }
}

void Regex::find_in_valid(std::string_view text, std::uint32_t offset,
                          std::vector<TextRange>& matches) const {
  MatchTools& tools = match_tools();
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const PCRE2_SIZE* found = pcre2_get_ovector_pointer(tools.data.get());
  std::size_t start = 0;
  while (start < text.size()) {
    int count = code_->jit ? pcre2_jit_match(code_->compiled.get(), subject, text.size(), start, 0,
                                             tools.data.get(), tools.context.get())
                           : PCRE2_ERROR_JIT_STACKLIMIT;
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) {
      count = pcre2_match(code_->compiled.get(), subject, text.size(), start,
                          PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, tools.data.get(), tools.context.get());
    }
    if (count == PCRE2_ERROR_NOMATCH) return;
    if (count < 0) {
      throw Error(ErrorKind::limit,
                  fmt::format("matching {} failed: {}", in_quotes(pattern_), message_of(count)));
    }
    const std::size_t begin = found[0];
    const std::size_t end = found[1];
    if (end > begin && begin >= start) {
      matches.push_back(
          {offset + static_cast<std::uint32_t>(begin), offset + static_cast<std::uint32_t>(end)});
      start = end;
    } else {
      // An empty match: go on behind the next character.
      const std::size_t at = begin > start ? begin : start;
      if (at >= text.size()) return;
      start = at + decode_utf8(text.substr(at)).length;
    }
  }
}

std::string escape_regex(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}-#/").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace jielong
