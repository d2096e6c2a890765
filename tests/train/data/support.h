#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/scratch.h"
#include "base/thread_pool.h"
#include "model/chat_template.h"
#include "token/tokenizer_json.h"
#include "token/training/tokenizer_trainer.h"
#include "train/data/prepare.h"

namespace jielong::test {

/// A byte-level tokenizer with BOS, EOS, [MASK] and ChatML's tokens.
inline std::unique_ptr<Tokenizer> small_tokenizer() {
  TokenizerTraining settings;
  settings.vocabulary = 300;
  settings.roles = {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"mask_token", "[MASK]"}};
  settings.special = {"<|im_start|>", "<|im_end|>"};
  settings.add_bos = true;
  ThreadPool pool(1);
  TokenizerTrainer trainer(settings, pool);
  const std::string_view text = "the cat and the dog and the bird sang, the cat sat";
  trainer.add({&text, 1});
  const TrainedTokenizer trained = trainer.finish();
  return tokenizer_from_json(trained.tokenizer_json, "tokenizer.json", trained.config_json);
}

/// Everything that preparing and reading data needs, in a folder of its own.
struct DataBench {
  Scratch folder;
  std::unique_ptr<Tokenizer> tokenizer = small_tokenizer();
  ChatTemplate chat{fallback_chat_template("chatml")};
  ThreadPool pool{2};
  DataSettings settings;

  DataBench() { settings.held_out = 0; }

  /// Adds a source of one file.
  DataSource& add(const std::string& name, const std::string& content) {
    write_file(folder / name, content);
    DataSource source;
    source.name = name.substr(0, name.find('.'));
    source.paths = {(folder / name).string()};
    return settings.sources.emplace_back(source);
  }
  PreparedData prepare(const std::string& shards = "shards") {
    return prepare_data(settings, *tokenizer, &chat, folder / shards, pool);
  }
  std::string text(const TokenShard& shard, std::int64_t document) const {
    std::vector<Token> tokens;
    for (std::int64_t i = 0; i < shard.length(document); ++i) {
      tokens.push_back(shard.token(shard.begin(document) + i));
    }
    return tokenizer->decode(tokens, {.skip_special = false});
  }
  /// Those tokens of a document that are to be learnt.
  std::string learnt_text(const TokenShard& shard, std::int64_t document) const {
    std::vector<Token> tokens;
    for (std::int64_t i = shard.begin(document); i < shard.begin(document) + shard.length(document);
         ++i) {
      if (shard.learnt(i)) tokens.push_back(shard.token(i));
    }
    return tokenizer->decode(tokens, {.skip_special = false});
  }
};

}  // namespace jielong::test
