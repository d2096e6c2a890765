#include "token/training/tokenizer_trainer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/quote.h"
#include "base/utf8.h"
#include "token/scanners.h"
#include "token/training/bpe_trainer.h"
#include "token/training/tokenizer_json_writer.h"
#include "token/training/unigram_trainer.h"
#include "token/vocabulary.h"

namespace jielong {
namespace {

constexpr std::string_view kMeta = "\xE2\x96\x81";  // ▁
constexpr std::size_t kMaxSpecialBytes = 1024;
constexpr std::size_t kByteTokens = 256;

constexpr std::pair<std::string_view, std::string_view> kPatterns[] = {
    {"gpt2", patterns::kGpt2},
    {"llama3", patterns::kLlama3},
    {"qwen2", patterns::kQwen2},
    {"gpt4o", patterns::kGpt4o},
    {"tekken", patterns::kTekken}};

std::string_view pattern_of(const std::string& name) {
  for (const auto& [known, pattern] : kPatterns) {
    if (name == known) return pattern;
  }
  return name;
}

std::vector<std::string> special_tokens(const TokenizerTraining& settings) {
  std::vector<std::string> all;
  const auto add = [&](const std::string& token) {
    if (token.empty() || token.size() > kMaxSpecialBytes || !is_valid_utf8(token)) {
      throw bad_input(fmt::format("{} cannot be a special token", in_quotes(token)), "special",
                      fmt::format("give 1 to {} bytes of UTF-8", kMaxSpecialBytes));
    }
    if (std::find(all.begin(), all.end(), token) == all.end()) all.push_back(token);
  };
  if (settings.kind == TokenizerTraining::Kind::unigram) add("<unk>");
  for (const auto& [role, token] : settings.roles) add(token);
  for (const std::string& token : settings.special) add(token);
  return all;
}

PreTokenizers steps_of(const TokenizerTraining& settings) {
  PreTokenizers steps;
  if (settings.kind == TokenizerTraining::Kind::unigram) {
    steps.push_back(pre_tokenizers::metaspace(std::string(kMeta), PrependScheme::always, true));
  } else {
    steps.push_back(pre_tokenizers::scan(pattern_of(settings.pattern), "pattern"));
  }
  return steps;
}

/// The named patterns let a word begin with a space, and end before one.
bool cuts_at_spaces(const TokenizerTraining& settings) {
  return settings.kind == TokenizerTraining::Kind::bpe &&
         find_scanner(pattern_of(settings.pattern)) != nullptr;
}

}  // namespace

std::vector<std::string_view> tokenizer_pattern_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, pattern] : kPatterns) names.push_back(name);
  return names;
}

TokenizerTrainer::TokenizerTrainer(TokenizerTraining settings, ThreadPool& pool,
                                   TrainingProgress progress)
    : settings_(std::move(settings)),
      pool_(pool),
      progress_(std::move(progress)),
      special_(special_tokens(settings_)),
      counter_(steps_of(settings_), cuts_at_spaces(settings_), pool) {
  if (settings_.vocabulary > static_cast<std::size_t>(Vocabulary::kMaxSize)) {
    throw Error(
        ErrorKind::limit,
        fmt::format("{} tokens are more than {}", settings_.vocabulary, Vocabulary::kMaxSize),
        "vocabulary");
  }
  const std::size_t least = special_.size() + (settings_.all_bytes ? kByteTokens : 0) + 1;
  if (settings_.vocabulary < least) {
    throw bad_input(
        fmt::format("{} tokens leave no room for the {} special ones{}", settings_.vocabulary,
                    special_.size(), settings_.all_bytes ? " and 256 bytes" : ""),
        "vocabulary", fmt::format("ask for {} or more", least));
  }
  if (!(settings_.coverage > 0 && settings_.coverage <= 1)) {
    throw bad_input("must lie between 0 and 1", "coverage");
  }
  const auto has_role = [&](const char* a, const char* b) {
    return std::any_of(settings_.roles.begin(), settings_.roles.end(),
                       [&](const auto& role) { return role.first == a || role.first == b; });
  };
  if (settings_.add_bos && !has_role("bos_token", "cls_token")) {
    throw bad_input("needs a BOS or [CLS] token", "add_bos", "name one");
  }
  if (settings_.add_eos && !has_role("eos_token", "sep_token")) {
    throw bad_input("needs an EOS or [SEP] token", "add_eos", "name one");
  }
}

TrainedTokenizer TokenizerTrainer::finish() {
  if (progress_) progress_("counting words", 0, 1);
  const TrainingWords words = counter_.finish();
  if (words.size() == 0) {
    throw bad_input("there is no text to learn from", {}, "give files that are not empty");
  }
  TrainedTokenizer trained;
  trained.words = words.size();
  if (settings_.kind == TokenizerTraining::Kind::bpe) {
    const LearntBpe learnt = train_bpe(words,
                                       {.vocabulary = settings_.vocabulary,
                                        .min_frequency = settings_.min_frequency,
                                        .special = special_,
                                        .all_bytes = settings_.all_bytes,
                                        .limit_alphabet = settings_.limit_alphabet},
                                       pool_, progress_);
    trained.tokens = learnt.pieces.size();
    trained.tokenizer_json =
        write_tokenizer_json(settings_, special_, learnt, pattern_of(settings_.pattern));
  } else {
    const std::size_t taken = special_.size() + (settings_.all_bytes ? kByteTokens : 0);
    const LearntUnigram learnt =
        train_unigram(words,
                      {.pieces = settings_.vocabulary - taken,
                       .coverage = settings_.all_bytes ? settings_.coverage : 1.0},
                      pool_, progress_);
    trained.tokens = taken + learnt.pieces.size();
    trained.loss = learnt.loss;
    trained.tokenizer_json = write_tokenizer_json(settings_, special_, learnt);
  }
  trained.config_json = write_tokenizer_config(settings_);
  return trained;
}

}  // namespace jielong
