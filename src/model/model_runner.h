#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/kv_cache.h"
#include "model/model.h"
#include "model/runner.h"

namespace jielong {

struct RunnerOptions {
  /// The most tokens one chain may hold; 0: as the model was loaded for.
  std::int64_t context_length = 0;
  KvType kv_type = KvType::f16;
  /// How many chains of full length the cache may hold. Memory is taken as it is needed.
  std::int64_t max_chains = 8;
  /// The most rows computed at once: bounds the memory for activations.
  std::int64_t batch_rows = 512;
};

/// Runs a model on a thread pool. The pool and the model must outlive it.
class ModelRunner : public Runner {
 public:
  ModelRunner(std::shared_ptr<const Model> model, ThreadPool& pool,
              const RunnerOptions& options = {});

  std::int64_t vocabulary() const override { return model_->hyper().vocabulary; }
  std::int64_t context_length() const override { return options_.context_length; }
  bool generates() const override { return model_->generates(); }

  SequenceId open() override;
  SequenceId fork(SequenceId sequence, std::int64_t length) override;
  void truncate(SequenceId sequence, std::int64_t length) override;
  void close(SequenceId sequence) override;
  std::int64_t length(SequenceId sequence) const override;
  Logits evaluate(std::span<const Slice> slices) override;

  std::int64_t block_tokens() const override { return KvLayout::kPositions; }
  std::size_t used_blocks() const override { return cache_.used_blocks(); }
  std::size_t max_blocks() const override { return cache_.max_blocks(); }
  std::size_t blocks_to_append(SequenceId sequence, std::int64_t count) const override;
  std::size_t own_blocks(SequenceId sequence) const override;
  /// Reads the model's files whole when it is called first.
  std::string block_format() override;
  std::span<const std::byte> block(SequenceId sequence, std::int64_t index) const override;
  void append_block(SequenceId sequence, std::int64_t count,
                    std::span<const std::byte> content) override;

  /// Hidden states of one text on its own, the final norm applied: (tokens, channels), valid
  /// until the next call. `segments` are BERT's token types, or empty. The text must fit into
  /// the context.
  Tensor hidden_states(std::span<const Token> tokens, std::span<const std::int32_t> segments = {});

  /// Shows every named value of the following calls to `tap`; none: an empty function.
  void set_tap(Tap tap) { tap_ = std::move(tap); }

  const Model& model() const { return *model_; }
  const KvCache& cache() const { return cache_; }
  ThreadPool& pool() { return workspace_.pool(); }

 private:
  KvSequence& sequence(SequenceId id);
  const KvSequence& sequence(SequenceId id) const;
  void check(std::span<const Slice> slices) const;
  void catch_up(KvSequence& chain);
  Tensor run(Batch& batch);
  Pass make_pass() { return Pass(workspace_, tap_ ? &tap_ : nullptr); }

  std::shared_ptr<const Model> model_;
  RunnerOptions options_;
  KvCache cache_;
  Workspace workspace_;
  std::vector<std::unique_ptr<KvSequence>> sequences_;  ///< by id; null: closed
  std::vector<SequenceId> closed_;                      ///< ids to use again
  std::vector<float> logits_;                           ///< of a call with several passes
  std::string block_format_;
  Tap tap_;
};

}  // namespace jielong
