#include "token/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace jielong {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 30;
constexpr std::string_view kMeta = "\xE2\x96\x81";  // ▁
/// Shorter words are not worth cutting.
constexpr std::size_t kLongWord = 24;

}  // namespace

struct Pipeline::Workspace {
  SubwordScratch scratch;
  WordCache cache;
  Words words;
  std::vector<TextSegment> segments, inner_segments;
};

/// Borrows a workspace for the time of a call.
class Pipeline::Lease {
 public:
  explicit Lease(const Pipeline& owner) : owner_(owner) {
    const std::lock_guard lock(owner.mutex_);
    if (!owner.idle_.empty()) {
      workspace_ = std::move(owner.idle_.back());
      owner.idle_.pop_back();
    }
    if (!workspace_) workspace_ = std::make_unique<Workspace>();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    // A huge text must not keep its memory for ever.
    if (workspace_->words.text.capacity() > kKeepBytes) workspace_->words = {};
    if (workspace_->scratch.symbols.capacity() > kKeepBytes / sizeof(Symbol) ||
        workspace_->scratch.lattice.capacity() > kKeepBytes / sizeof(LatticeNode)) {
      workspace_->scratch = {};
    }
    const std::lock_guard lock(owner_.mutex_);
    if (owner_.idle_.size() < owner_.idle_.capacity()) {
      owner_.idle_.push_back(std::move(workspace_));
    }
  }
  Workspace& operator*() const { return *workspace_; }

 private:
  static constexpr std::size_t kKeepBytes = 4 << 20;
  const Pipeline& owner_;
  std::unique_ptr<Workspace> workspace_;
};

Pipeline::Pipeline(Vocabulary vocabulary) {
  vocabulary_ = std::move(vocabulary);
  idle_.reserve(16);
}

Pipeline::~Pipeline() = default;

void Pipeline::set_parts(PipelineParts parts) {
  parts_ = std::move(parts);
  if (parts_.pre_tokenizers.empty()) find_safe_cuts();
}

/// Without a pre-tokenizer a whole text is one word. Where no piece has "▁" behind a certain
/// byte, no segmentation can join the two sides, so cutting there changes nothing and lets
/// the cache do its work.
void Pipeline::find_safe_cuts() {
  const auto meta = vocabulary_.find(kMeta);
  if (!meta || vocabulary_.token_class(*meta) != TokenClass::normal) return;
  cut_behind_.fill(true);
  for (Token token = 0; token < vocabulary_.size(); ++token) {
    const std::string_view piece = vocabulary_.piece(token);
    for (std::size_t at = piece.find(kMeta, 1); at != std::string_view::npos;
         at = piece.find(kMeta, at + 1)) {
      cut_behind_[static_cast<unsigned char>(piece[at - 1])] = false;
    }
  }
  can_cut_ = true;
}

bool Pipeline::lossless() const {
  const auto keeps = [](const auto& part) { return part->lossless(); };
  return parts_.model->covers_everything() && !parts_.lossy_tokens &&
         std::all_of(parts_.normalizers.begin(), parts_.normalizers.end(), keeps) &&
         std::all_of(parts_.pre_tokenizers.begin(), parts_.pre_tokenizers.end(), keeps);
}

bool Pipeline::adds_bos() const {
  return !parts_.before.empty() && vocabulary_.role(TokenRole::bos) == parts_.before.front();
}

bool Pipeline::adds_eos() const {
  return !parts_.behind.empty() && vocabulary_.role(TokenRole::eos) == parts_.behind.back();
}

void Pipeline::encode_to(std::vector<Token>& out, std::string_view text,
                         const EncodeOptions& options) const {
  if (text.size() > kMaxText) {
    throw Error(ErrorKind::limit,
                fmt::format("a text of {} bytes is larger than the limit of 1 GiB", text.size()),
                {}, "encode it in parts");
  }
  const Lease lease(*this);
  Workspace& work = *lease;
  if (options.add_special) out.insert(out.end(), parts_.before.begin(), parts_.before.end());
  if (parts_.added_raw.empty()) {
    encode_plain(out, text, true, options.parse_special, work);
  } else {
    work.segments.clear();
    parts_.added_raw.split(text, options.parse_special, work.segments);
    for (const TextSegment& segment : work.segments) {
      if (segment.token >= 0) {
        out.push_back(segment.token);
      } else {
        encode_plain(out, text.substr(segment.begin, segment.end - segment.begin),
                     segment.begin == 0, options.parse_special, work);
      }
    }
  }
  if (options.add_special) out.insert(out.end(), parts_.behind.begin(), parts_.behind.end());
}

void Pipeline::encode_plain(std::vector<Token>& out, std::string_view text, bool at_text_start,
                            bool parse_special, Workspace& work) const {
  std::string normalized;
  if (!parts_.normalizers.empty()) {
    normalized = normalize_all(parts_.normalizers, std::string(text));
    text = normalized;
  }
  if (parts_.added_normalized.empty()) return encode_words(out, text, at_text_start, work);
  work.inner_segments.clear();
  parts_.added_normalized.split(text, parse_special, work.inner_segments);
  for (const TextSegment& segment : work.inner_segments) {
    if (segment.token >= 0) {
      out.push_back(segment.token);
    } else {
      encode_words(out, text.substr(segment.begin, segment.end - segment.begin),
                   at_text_start && segment.begin == 0, work);
    }
  }
}

void Pipeline::encode_words(std::vector<Token>& out, std::string_view text, bool at_text_start,
                            Workspace& work) const {
  if (text.empty()) return;
  if (text.size() > 0xFFFFFFFFU) throw Error(ErrorKind::limit, "the normalized text is too long");
  if (!parts_.pre_tokenizers.empty()) {
    Words& words = work.words;
    words.text.assign(text);
    words.ranges.assign(1, {0, static_cast<std::uint32_t>(text.size())});
    for (const auto& step : parts_.pre_tokenizers) step->apply(words, at_text_start);
    for (const TextRange& range : words.ranges) {
      if (range.end > range.begin) encode_word(out, words.view(range), work);
    }
    return;
  }
  while (can_cut_ && text.size() > kLongWord) {
    std::size_t cut = text.find(kMeta, 1);
    while (cut != std::string_view::npos &&
           !cut_behind_[static_cast<unsigned char>(text[cut - 1])]) {
      cut = text.find(kMeta, cut + 1);
    }
    if (cut == std::string_view::npos) break;
    encode_word(out, text.substr(0, cut), work);
    text.remove_prefix(cut);
  }
  encode_word(out, text, work);
}

void Pipeline::encode_word(std::vector<Token>& out, std::string_view word, Workspace& work) const {
  if (!WordCache::fits(word)) return parts_.model->encode(word, out, work.scratch);
  const std::uint64_t hash = hash_bytes(word);
  if (const auto known = work.cache.get(word, hash); !known.empty()) {
    out.insert(out.end(), known.begin(), known.end());
    return;
  }
  const std::size_t first = out.size();
  parts_.model->encode(word, out, work.scratch);
  work.cache.put(word, hash, std::span(out).subspan(first));
}

void Pipeline::decode_to(std::string& out, Token token, DecodeState& state,
                         bool skip_special) const {
  if (!vocabulary_.contains(token)) {
    throw bad_input(
        fmt::format("token {} is outside the vocabulary of {}", token, vocabulary_.size()));
  }
  const TokenClass c = vocabulary_.token_class(token);
  if (c == TokenClass::unused || (skip_special && vocabulary_.is_special(token))) return;
  const std::string_view piece = vocabulary_.piece(token);
  if (c == TokenClass::normal || c == TokenClass::byte || !parts_.decoder.reads_byte_letters()) {
    parts_.decoder.decode(out, piece, state);
  } else {
    out += piece;
    state.at_start = false;
  }
}

}  // namespace jielong
