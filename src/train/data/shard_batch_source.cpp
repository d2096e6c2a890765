#include "train/data/shard_batch_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"
#include "token/json_fields.h"
#include "train/data/document_order.h"
#include "train/data/packer.h"

namespace jielong {
namespace {

constexpr std::int64_t kMaxRows = std::int64_t{1} << 31;

/// Hides tokens (Devlin et al. 2018, 3.1).
class Masking {
 public:
  Masking(const Vocabulary& vocabulary, double share) : vocabulary_(vocabulary), share_(share) {
    if (!(share > 0 && share <= 1)) throw bad_input("must lie between 0 and 1", "mask_share");
    const auto mask = vocabulary.role(TokenRole::mask);
    if (!mask) {
      throw bad_input("the tokenizer has no mask token", "masked",
                      "train one with --mask \"[MASK]\"");
    }
    mask_ = *mask;
    for (Token token = 0; token < vocabulary.size(); ++token) {
      if (maskable(token)) ordinary_.push_back(token);
    }
    if (ordinary_.empty()) throw bad_input("the tokenizer has only special tokens", "masked");
  }

  /// Hides some of the rows from `first` on.
  void hide(TrainingBatch& batch, std::size_t first, Rng& rng) const {
    std::optional<std::size_t> any;
    bool hidden = false;
    for (std::size_t row = first; row < batch.rows.tokens.size(); ++row) {
      if (!maskable(batch.rows.tokens[row])) continue;
      if (!any) any = row;
      if (rng.uniform() >= share_) continue;
      hide_row(batch, row, rng);
      hidden = true;
    }
    if (!hidden && any) hide_row(batch, *any, rng);
  }

 private:
  bool maskable(Token token) const {
    return !vocabulary_.is_special(token) && vocabulary_.token_class(token) != TokenClass::unused;
  }
  void hide_row(TrainingBatch& batch, std::size_t row, Rng& rng) const {
    Token& token = batch.rows.tokens[row];
    batch.targets[row] = token;
    const double dice = rng.uniform();
    if (dice < 0.8) {
      token = mask_;
    } else if (dice < 0.9) {
      const auto at =
          static_cast<std::size_t>(rng.uniform() * static_cast<double>(ordinary_.size()));
      token = ordinary_[std::min(at, ordinary_.size() - 1)];
    }
  }

  const Vocabulary& vocabulary_;
  double share_;
  Token mask_ = 0;
  std::vector<Token> ordinary_;
};

/// Whether anything among the first `rows` targets of a document is to be learnt.
bool learns_within(const TokenShard& shard, std::int64_t document, std::int64_t rows) {
  const std::int64_t begin = shard.begin(document);
  const std::int64_t end = begin + std::min(rows + 1, shard.length(document));
  for (std::int64_t i = begin + 1; i < end; ++i) {
    if (shard.learnt(i)) return true;
  }
  return false;
}

class ShardBatchSource final : public BatchSource {
 public:
  ShardBatchSource(std::vector<MixedShard> shards, LearningFormat format,
                   const Vocabulary& vocabulary, const BatchSettings& settings)
      : shards_(std::move(shards)),
        format_(format),
        settings_(settings),
        per_item_(format == LearningFormat::preference ? 2 : 1),
        packer_(
            DocumentMixture(shards_, per_item_, settings.seed,
                            settings.once ? Passes::once : Passes::shuffled),
            [this](const MixedItem& item, std::int64_t window) { return measure(item, window); }) {
    if (settings.world < 1 || settings.rank < 0 || settings.rank >= settings.world) {
      throw bad_input(fmt::format("rank {} of {} is none", settings.rank, settings.world), "rank");
    }
    if (format == LearningFormat::masked) masking_.emplace(vocabulary, settings.mask_share);
    name_data();
  }
  ShardBatchSource(const ShardBatchSource&) = delete;
  ShardBatchSource& operator=(const ShardBatchSource&) = delete;

  TrainingBatch next(std::int64_t sequences, std::int64_t length) override {
    if (sequences < 1 || length < 1 || sequences > kMaxRows / length) {
      throw bad_input(fmt::format("{} sequences of {} tokens are no batch", sequences, length),
                      "batch");
    }
    if (sequences % per_item_ != 0) {
      throw bad_input("pairs need an even number of sequences", "batch", "ask for one more");
    }
    TrainingBatch batch;
    const std::int64_t windows = sequences / per_item_;
    for (std::int64_t w = 0; w < windows * settings_.world; ++w, ++window_) {
      const std::vector<PackedPiece> pieces = packer_.next(length * per_item_);
      if (w / windows != settings_.rank) continue;
      const std::size_t first = batch.rows.tokens.size();
      for (const PackedPiece& piece : pieces) append(batch, piece, length);
      if (masking_) {
        Rng rng(mix_bits(settings_.seed) ^ mix_bits(window_ + 1));
        masking_->hide(batch, first, rng);
      }
    }
    for (std::size_t row = 0; row < batch.targets.size(); ++row) {
      if (batch.targets[row] != TrainingBatch::kNoTarget) {
        batch.rows.output_rows.push_back(static_cast<std::int64_t>(row));
      }
    }
    return batch;
  }

  Json position() const override {
    return {{"data", data_}, {"window", window_}, {"packer", packer_.position()}};
  }

  void restore(const Json& position) override {
    namespace fields = json_fields;
    const std::string where = "position of the data";
    if (!position.is_object() || fields::string(position, "data", where) != data_) {
      throw bad_input("belongs to other data, another seed or another format", where,
                      "resume with the recipe and the data of the checkpoint");
    }
    const std::uint64_t window = fields::integer(fields::require(position, "window", where),
                                                 std::size_t{1} << 62, where + ".window");
    packer_.restore(fields::require(position, "packer", where), where);
    window_ = window;
  }

  double epochs() const override { return packer_.epochs(); }

 private:
  const TokenShard& shard(const MixedItem& item) const { return *shards_[item.source].shard; }

  std::int64_t measure(const MixedItem& item, std::int64_t window) const {
    switch (format_) {
      case LearningFormat::next_token: return item.tokens - 1;
      case LearningFormat::masked: return item.tokens;
      case LearningFormat::classify: return std::min(item.tokens, window);
      case LearningFormat::instruct:
      case LearningFormat::preference: break;
    }
    const std::int64_t most = window / per_item_;
    std::int64_t rows = 0;
    for (std::int64_t i = 0; i < per_item_; ++i) {
      if (!learns_within(shard(item), item.document + i, most)) return 0;
      rows += std::min(shard(item).length(item.document + i) - 1, most);
    }
    return rows;
  }

  void append(TrainingBatch& batch, const PackedPiece& piece, std::int64_t length) const {
    if (format_ == LearningFormat::preference) {
      for (std::int64_t i = 0; i < per_item_; ++i) {
        const std::int64_t document = piece.item.document + i;
        append_rows(batch, shard(piece.item), document, 0,
                    std::min(shard(piece.item).length(document) - 1, length));
      }
      return;
    }
    append_rows(batch, shard(piece.item), piece.item.document, piece.begin, piece.end);
    if (format_ == LearningFormat::classify) {
      batch.labels.push_back(shard(piece.item).label(piece.item.document));
    }
  }

  /// Rows [begin, end) of a document as a sequence of its own.
  void append_rows(TrainingBatch& batch, const TokenShard& shard, std::int64_t document,
                   std::int64_t begin, std::int64_t end) const {
    Batch& rows = batch.rows;
    rows.sequences.push_back({.first_row = rows.rows(), .count = end - begin});
    const bool follows = format_ != LearningFormat::masked && format_ != LearningFormat::classify;
    const std::int64_t base = shard.begin(document);
    for (std::int64_t i = begin; i < end; ++i) {
      rows.tokens.push_back(shard.token(base + i));
      rows.positions.push_back(i - begin);
      const bool target = follows && shard.learnt(base + i + 1);
      batch.targets.push_back(target ? shard.token(base + i + 1) : TrainingBatch::kNoTarget);
    }
  }

  /// What a position is only good for.
  void name_data() {
    Sha256 sha;
    const auto update = [&](std::string_view text) { sha.update(std::as_bytes(std::span(text))); };
    for (const MixedShard& shard : shards_) {
      update(shard.shard->checksum());
      update(fmt::format(" {} ", shard.weight));
    }
    update(fmt::format("{} {} {}", name_of(format_), settings_.seed, settings_.once));
    data_ = sha.digest();
  }

  std::vector<MixedShard> shards_;
  LearningFormat format_;
  BatchSettings settings_;
  std::int64_t per_item_;  ///< documents
  Packer packer_;
  std::optional<Masking> masking_;
  std::uint64_t window_ = 0;
  std::string data_;
};

}  // namespace

std::unique_ptr<BatchSource> make_batch_source(const PreparedData& data, const Tokenizer& tokenizer,
                                               const BatchSettings& settings) {
  std::vector<MixedShard> shards;
  for (const PreparedSource& source : data.sources) {
    const TokenShard& shard = settings.held_out ? source.held_out : source.training;
    if (shard.documents() > 0) shards.push_back({&shard, source.weight});
  }
  if (shards.empty()) {
    throw Error(ErrorKind::not_found,
                settings.held_out ? "no document is held out" : "there are no documents", "data",
                settings.held_out
                    ? "hold out a larger share, or cut the text into smaller documents"
                    : "check the sources");
  }
  return std::make_unique<ShardBatchSource>(std::move(shards), data.format, tokenizer.vocabulary(),
                                            settings);
}

}  // namespace jielong
