#include "model/model_runner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "model/model_identity.h"
#include "tensor/isa.h"

namespace jielong {
namespace {

std::vector<KvLayout> layouts_of(const Model& model, KvType type) {
  std::vector<KvLayout> layouts;
  for (const Attention* attention : model.stack().attentions) {
    layouts.push_back(attention->shape);
    layouts.back().type = type;
  }
  return layouts;
}

std::vector<std::int64_t> state_floats_of(const Model& model) {
  std::vector<std::int64_t> floats;
  for (const Recurrent* layer : model.stack().recurrents) floats.push_back(layer->state_floats());
  return floats;
}

RunnerOptions completed(const Model& model, RunnerOptions options) {
  if (options.context_length == 0) options.context_length = model.context_length();
  if (options.context_length < 0 || options.context_length > model.context_length()) {
    throw bad_input(fmt::format("a context of {} tokens was asked for, but the model was loaded "
                                "for {}",
                                options.context_length, model.context_length()),
                    "context", "ask for a shorter context, or load the model for a longer one");
  }
  if (options.max_chains < 1) throw bad_input("must be at least 1", "number of chains");
  if (options.batch_rows < 1) throw bad_input("must be at least 1", "batch size");
  return options;
}

/// Tokens up to the next one after which a chain keeps a snapshot.
std::int64_t tokens_to_snapshot(std::int64_t position) {
  return StateStore::kInterval - position % StateStore::kInterval;
}

std::size_t blocks_of(const RunnerOptions& options) {
  const auto blocks = static_cast<std::size_t>((options.context_length + KvLayout::kPositions - 1) /
                                               KvLayout::kPositions);
  return blocks * static_cast<std::size_t>(options.max_chains);
}

}  // namespace

ModelRunner::ModelRunner(std::shared_ptr<const Model> model, ThreadPool& pool,
                         const RunnerOptions& options)
    : model_(std::move(model)),
      options_(completed(*model_, options)),
      cache_(layouts_of(*model_, options_.kv_type), state_floats_of(*model_), blocks_of(options_),
             static_cast<std::size_t>(options_.max_chains)),
      workspace_(pool) {}

KvSequence& ModelRunner::sequence(SequenceId id) {
  return const_cast<KvSequence&>(std::as_const(*this).sequence(id));
}

const KvSequence& ModelRunner::sequence(SequenceId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= sequences_.size() ||
      sequences_[static_cast<std::size_t>(id)] == nullptr) {
    throw bad_input(fmt::format("there is no open chain {}", id), "chain");
  }
  return *sequences_[static_cast<std::size_t>(id)];
}

SequenceId ModelRunner::open() {
  auto chain = std::make_unique<KvSequence>(cache_);
  if (closed_.empty()) {
    sequences_.emplace_back();
    closed_.push_back(static_cast<SequenceId>(sequences_.size()) - 1);
  }
  const SequenceId id = closed_.back();
  closed_.pop_back();
  sequences_[static_cast<std::size_t>(id)] = std::move(chain);
  return id;
}

SequenceId ModelRunner::fork(SequenceId from, std::int64_t length) {
  auto copy = std::make_unique<KvSequence>(sequence(from).fork(length));
  const SequenceId id = open();
  sequences_[static_cast<std::size_t>(id)] = std::move(copy);
  return id;
}

void ModelRunner::truncate(SequenceId id, std::int64_t length) { sequence(id).truncate(length); }

void ModelRunner::close(SequenceId id) {
  sequence(id);
  closed_.push_back(id);
  sequences_[static_cast<std::size_t>(id)] = nullptr;
}

std::int64_t ModelRunner::length(SequenceId id) const { return sequence(id).length(); }

void ModelRunner::check(std::span<const Slice> slices) const {
  if (!model_->generates()) {
    throw Error(ErrorKind::unsupported, "this model is an encoder and cannot continue a text",
                model_->path().string(), "use it for embeddings");
  }
  std::vector<bool> seen(sequences_.size());
  std::size_t blocks = 0;
  for (const Slice& slice : slices) {
    const KvSequence& chain = sequence(slice.sequence);
    if (seen[static_cast<std::size_t>(slice.sequence)]) {
      throw bad_input(fmt::format("chain {} occurs twice in one call", slice.sequence), "chain");
    }
    seen[static_cast<std::size_t>(slice.sequence)] = true;
    if (slice.tokens.empty()) throw bad_input("there are no tokens to add", "chain");
    for (const Token token : slice.tokens) {
      if (token < 0 || token >= vocabulary()) {
        throw bad_input(fmt::format("token {} is not in the vocabulary of {}", token, vocabulary()),
                        "chain");
      }
    }
    const auto count = static_cast<std::int64_t>(slice.tokens.size());
    if (chain.length() + count > options_.context_length) {
      throw Error(ErrorKind::limit,
                  fmt::format("{} tokens and {} more do not fit into the context of {}",
                              chain.length(), count, options_.context_length),
                  "context", "shorten the text or ask for a longer context");
    }
    blocks += chain.blocks_to_append(count);
  }
  if (blocks > cache_.available_blocks()) {
    throw Error(ErrorKind::limit, "the key/value cache has no room for these tokens", "context",
                "close other chains, or allow more chains or a smaller cache type");
  }
}

/// Empties the batch and returns its logits, which lie in the arena.
Tensor ModelRunner::run(Batch& batch) {
  Tensor scores;
  if (batch.rows() == 0) return scores;
  Pass pass = make_pass();
  ModelPass model_pass(pass, batch);
  if (batch.output_rows.empty()) {
    // Only the cache is wanted: the stack runs, the head has no rows to work on.
    model_->stack().hidden(model_pass);
  } else {
    scores = model_->stack().logits(model_pass);
  }
  for (const SequenceRows& rows : batch.sequences) {
    if (!rows.cache->is_recurrent()) continue;
    RecurrentState& state = rows.cache->recurrent();
    if (state.position() % StateStore::kInterval == 0) state.keep();
  }
  batch = Batch{};
  return scores;
}

/// Evaluates again what a chain's recurrent layers have forgotten by a cut or a fork in its
/// middle. Keys and values of these tokens are there and become the same once more.
void ModelRunner::catch_up(KvSequence& chain) {
  RecurrentState& state = chain.recurrent();
  while (!state.missing().empty()) {
    const std::int64_t first = state.position();
    const std::span<const Token> missing = state.missing();
    const std::int64_t count = std::min(static_cast<std::int64_t>(missing.size()),
                                        std::min(options_.batch_rows, tokens_to_snapshot(first)));
    Batch batch;
    batch.sequences.push_back({0, count, first, &chain});
    for (std::int64_t i = 0; i < count; ++i) {
      batch.tokens.push_back(missing[static_cast<std::size_t>(i)]);
      batch.positions.push_back(first + i);
    }
    state.begin(count);
    const ArenaScope scope(workspace_.arena());
    run(batch);
  }
}

Logits ModelRunner::evaluate(std::span<const Slice> slices) {
  check(slices);
  std::vector<std::int64_t> before;
  before.reserve(slices.size());
  for (const Slice& slice : slices) before.push_back(sequence(slice.sequence).length());
  logits_.clear();
  // What the last call returned is no longer valid.
  workspace_.arena().release({});
  const auto keep = [&](const Tensor& scores) {
    logits_.insert(logits_.end(), scores.data, scores.data + scores.rows * scores.channels);
  };
  try {
    Batch batch;
    for (const Slice& slice : slices) {
      KvSequence& chain = sequence(slice.sequence);
      const bool recurrent = chain.is_recurrent();
      if (recurrent) {
        catch_up(chain);
        // A draft, of which some may be taken back.
        if (slice.all_logits && slice.tokens.size() > 1) chain.recurrent().keep();
      }
      std::span<const Token> rest = slice.tokens;
      std::int64_t to_snapshot = options_.batch_rows;
      while (!rest.empty()) {
        if (batch.rows() == options_.batch_rows || to_snapshot == 0) {
          const ArenaScope scope(workspace_.arena());
          keep(run(batch));
        }
        std::int64_t room = options_.batch_rows - batch.rows();
        if (recurrent) {
          // A pass ends where a snapshot is due.
          to_snapshot = tokens_to_snapshot(chain.length());
          room = std::min(room, to_snapshot);
        }
        const auto part = rest.first(std::min(rest.size(), static_cast<std::size_t>(room)));
        rest = rest.subspan(part.size());
        const std::int64_t first_row = batch.rows(), first_position = chain.length();
        const auto count = static_cast<std::int64_t>(part.size());
        chain.append(part);
        to_snapshot -= recurrent ? count : 0;
        batch.sequences.push_back({first_row, count, first_position, &chain});
        for (std::int64_t i = 0; i < count; ++i) {
          batch.tokens.push_back(part[static_cast<std::size_t>(i)]);
          batch.positions.push_back(first_position + i);
          const bool last = rest.empty() && i + 1 == count;
          if (slice.all_logits || last) batch.output_rows.push_back(first_row + i);
        }
      }
    }
    const Tensor scores = run(batch);
    // The usual single pass: its logits are many megabytes, which are not copied.
    if (logits_.empty()) return {scores.data, scores.rows, vocabulary()};
    keep(scores);
  } catch (...) {
    for (std::size_t i = 0; i < slices.size(); ++i) {
      sequence(slices[i].sequence).truncate(before[i]);
    }
    throw;
  }
  return {logits_.data(), static_cast<std::int64_t>(logits_.size()) / vocabulary(), vocabulary()};
}

std::size_t ModelRunner::blocks_to_append(SequenceId id, std::int64_t count) const {
  return sequence(id).blocks_to_append(count);
}

std::size_t ModelRunner::own_blocks(SequenceId id) const { return sequence(id).own_blocks(); }

std::string ModelRunner::block_format() {
  // A block without the state at its end would have to be evaluated again.
  if (!cache_.states().empty()) return {};
  if (block_format_.empty()) {
    block_format_ = fmt::format("model {} context {} kernels {} cache", identity_of(*model_),
                                model_->context_length(), name(active_isa()));
    for (std::int64_t i = 0; i < cache_.layers(); ++i) {
      const KvLayout& layout = cache_.layout(i);
      block_format_ += fmt::format(" {}x{}+{}:{}", layout.kv_heads, layout.key_dim,
                                   layout.value_dim, static_cast<int>(layout.type));
    }
  }
  return block_format_;
}

std::span<const std::byte> ModelRunner::block(SequenceId id, std::int64_t index) const {
  return sequence(id).block(index);
}

void ModelRunner::append_block(SequenceId id, std::int64_t count,
                               std::span<const std::byte> content) {
  if (length(id) + count > options_.context_length) {
    throw Error(ErrorKind::limit, "the tokens do not fit into the context", "context");
  }
  if (!cache_.states().empty()) Runner::append_block(id, count, content);
  sequence(id).append_block(count, content);
}

Tensor ModelRunner::hidden_states(std::span<const Token> tokens,
                                  std::span<const std::int32_t> segments) {
  const auto rows = static_cast<std::int64_t>(tokens.size());
  if (rows == 0) throw bad_input("there are no tokens", "text");
  if (rows > options_.context_length) {
    throw Error(
        ErrorKind::limit,
        fmt::format("{} tokens do not fit into the context of {}", rows, options_.context_length),
        "context", "shorten the text");
  }
  if (!segments.empty() && segments.size() != tokens.size()) {
    throw bad_input(fmt::format("{} segments for {} tokens", segments.size(), tokens.size()),
                    "text");
  }
  Batch batch;
  batch.tokens.assign(tokens.begin(), tokens.end());
  batch.segments.assign(segments.begin(), segments.end());
  batch.sequences.push_back({0, rows, 0, nullptr});
  for (std::int64_t i = 0; i < rows; ++i) {
    batch.positions.push_back(i);
    batch.output_rows.push_back(i);
  }
  workspace_.arena().release({});
  Pass pass = make_pass();
  ModelPass model_pass(pass, batch);
  return model_->stack().hidden(model_pass);
}

}  // namespace jielong
