#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "token/added_tokens.h"
#include "token/decoder.h"
#include "token/normalizer.h"
#include "token/pre_tokenizer.h"
#include "token/subword.h"
#include "token/tokenizer.h"
#include "token/word_cache.h"

namespace jielong {

/// The parts of a text tokenizer in the order of their work.
struct PipelineParts {
  AddedTokens added_raw;         ///< matched in the text as it comes
  Normalizers normalizers;       ///< on the text between added tokens
  AddedTokens added_normalized;  ///< matched in the normalized text
  PreTokenizers pre_tokenizers;
  std::unique_ptr<SubwordModel> model;
  Decoder decoder;
  std::vector<Token> before, behind;  ///< what add_special puts around a text
  bool lossy_tokens = false;          ///< an added token swallows white space
};

/// added tokens → normalize → cut into words → subword model, and back through a decoder.
class Pipeline final : public Tokenizer {
 public:
  Pipeline(Vocabulary vocabulary);
  ~Pipeline() override;

  /// For models, which keep a reference to the vocabulary while they are built.
  Vocabulary& mutable_vocabulary() { return vocabulary_; }
  /// Call once, before the first use.
  void set_parts(PipelineParts parts);

  bool lossless() const override;
  std::string_view algorithm() const override { return parts_.model->algorithm(); }
  bool adds_bos() const override;
  bool adds_eos() const override;
  void encode_to(std::vector<Token>& out, std::string_view text,
                 const EncodeOptions& options) const override;
  void decode_to(std::string& out, Token token, DecodeState& state,
                 bool skip_special) const override;

 private:
  /// What one encode() needs for itself; kept for the next one.
  struct Workspace;
  class Lease;

  void find_safe_cuts();
  void encode_plain(std::vector<Token>& out, std::string_view text, bool at_text_start,
                    bool parse_special, Workspace& work) const;
  void encode_words(std::vector<Token>& out, std::string_view text, bool at_text_start,
                    Workspace& work) const;
  void encode_word(std::vector<Token>& out, std::string_view word, Workspace& work) const;

  PipelineParts parts_;
  /// Whether a word may be cut before "▁" behind this byte: no piece spans the place.
  std::array<bool, 256> cut_behind_{};
  bool can_cut_ = false;

  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace jielong
