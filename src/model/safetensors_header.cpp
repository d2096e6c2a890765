#include "model/safetensors_header.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/json.h"
#include "base/quote.h"

namespace jielong {
namespace {

/// Where in the header the parser is.
enum class State {
  before,    ///< nothing read yet
  names,     ///< in the outer object, whose keys are tensor names
  metadata,  ///< in `__metadata__`
  tensor,    ///< in one tensor's object
  shape,
  offsets,
  after
};

/// Receives the parser's events. Returning false is never used: what does not fit throws.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(const std::string& where) : where_(where) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    switch (state_) {
      case State::before: state_ = State::names; return true;
      case State::names:
        if (key_ == "__metadata__") {
          if (metadata_seen_) fail("\"__metadata__\" comes twice");
          metadata_seen_ = true;
          state_ = State::metadata;
        } else {
          entry_ = SafetensorsEntry{};
          entry_.name = key_;
          type_seen_ = shape_seen_ = offsets_seen_ = false;
          state_ = State::tensor;
        }
        return true;
      default: fail("an object stands where none can be");
    }
  }

  bool end_object() override {
    if (state_ == State::names) {
      state_ = State::after;
    } else if (state_ == State::tensor) {
      if (!type_seen_ || !shape_seen_ || !offsets_seen_) {
        fail("dtype, shape or data_offsets is missing");
      }
      header_.entries.push_back(std::move(entry_));
      state_ = State::names;
    } else {
      state_ = State::names;
    }
    return true;
  }

  bool key(string_t& name) override {
    key_ = name;
    if (state_ == State::names && name.empty()) fail("a tensor's name is empty");
    return true;
  }

  bool string(string_t& text) override {
    if (state_ == State::metadata) {
      if (!header_.metadata.emplace(key_, text).second) {
        fail(fmt::format("metadata key {} comes twice", in_quotes(key_)));
      }
      return true;
    }
    if (state_ != State::tensor || key_ != "dtype") fail("a string stands where none can be");
    once(type_seen_);
    entry_.type = text;
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ != State::tensor) fail("an array stands where none can be");
    if (key_ == "shape") {
      once(shape_seen_);
      state_ = State::shape;
    } else if (key_ == "data_offsets") {
      once(offsets_seen_);
      offset_count_ = 0;
      state_ = State::offsets;
    } else {
      fail(fmt::format("{} is no part of the format", in_quotes(key_)));
    }
    return true;
  }

  bool end_array() override {
    if (state_ == State::offsets && offset_count_ != 2) {
      fail(fmt::format("data_offsets has {} numbers, not 2", offset_count_));
    }
    state_ = State::tensor;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ == State::shape) {
      if (entry_.shape.size() >= kMaxDimensions) {
        fail(fmt::format("more than {} dimensions", kMaxDimensions));
      }
      entry_.shape.push_back(value);
    } else if (state_ == State::offsets) {
      if (offset_count_ == 0) entry_.begin = value;
      if (offset_count_ == 1) entry_.end = value;
      ++offset_count_;
    } else {
      fail("a number stands where none can be");
    }
    return true;
  }

  bool number_integer(number_integer_t value) override {
    fail(fmt::format("{} stands where a non-negative integer is expected", value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    fail(fmt::format("{} stands where a non-negative integer is expected", text));
  }
  bool null() override { fail("null stands where none can be"); }
  bool boolean(bool) override { fail("a truth value stands where none can be"); }
  bool binary(binary_t&) override { fail("binary data stand where none can be"); }
  bool parse_error(std::size_t byte, const std::string&, const Json::exception&) override {
    throw bad_input(fmt::format("the header is not valid JSON at its byte {}", byte), where_,
                    "the file is damaged; get it again");
  }

 private:
  static constexpr std::size_t kMaxDimensions = 16;

  void once(bool& seen) {
    if (seen) fail(fmt::format("{} comes twice", in_quotes(key_)));
    seen = true;
  }

  [[noreturn]] void fail(const std::string& what) const {
    const bool in_tensor =
        state_ == State::tensor || state_ == State::shape || state_ == State::offsets;
    const std::string& name = in_tensor ? entry_.name : key_;
    throw bad_input(fmt::format("the header cannot be read: {}", what),
                    name.empty() ? where_ : fmt::format("{}, entry {}", where_, in_quotes(name)),
                    "the file is damaged or was made wrongly; get it again");
  }

  const std::string& where_;
  SafetensorsHeader header_;
  SafetensorsEntry entry_;
  std::string key_;
  State state_ = State::before;
  int offset_count_ = 0;
  bool metadata_seen_ = false, type_seen_ = false, shape_seen_ = false, offsets_seen_ = false;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& where) {
  HeaderReader reader(where);
  // A bare value or a nesting that the states do not allow throws before it can grow.
  Json::sax_parse(text, &reader);
  return reader.take();
}

}  // namespace jielong
