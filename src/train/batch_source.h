#pragma once

#include <cstdint>
#include <vector>

#include "base/json.h"
#include "model/batch.h"
#include "token/token.h"

namespace jielong {

/// Rows to learn from, the documents side by side: each is a sequence of `rows`, so attention and
/// scans respect their borders, and positions begin anew.
struct TrainingBatch {
  static constexpr Token kNoTarget = -1;

  /// `output_rows` are the rows that have a target, ascending: the head need not run on others.
  Batch rows;
  /// (rows) What follows each row, or what a masked row hides; kNoTarget: no loss there.
  std::vector<Token> targets;
  /// (sequences) Classes of sequences for classification; else empty.
  std::vector<std::int32_t> labels;

  std::int64_t counted_targets() const {
    return static_cast<std::int64_t>(rows.output_rows.size());
  }
};

/// An endless, reproducible stream of batches. A source is a plain function of its data, its seed
/// and its position, so that training resumes bit-exactly and every rank of a parallel run takes
/// its own share.
///
/// What the sequences are depends on what is learnt (train/data/learning_format.h): pieces of
/// documents, whole examples, or, for preferences, the chosen answer in sequence 2i and the
/// rejected one in 2i + 1, with targets on the answers only.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  /// The next `sequences` · `length` rows at most, in as many sequences of at most `length` tokens
  /// as fit. Of `world` ranks each calls it with the same arguments and gets its own share; all
  /// shares together are what one process gets for world · sequences.
  virtual TrainingBatch next(std::int64_t sequences, std::int64_t length) = 0;

  /// Where the stream stands, to be written into a checkpoint and given to restore() of a source of
  /// the same data and seed. The same on every rank.
  virtual Json position() const = 0;
  /// Throws Error(bad_input) when the position is not one of this data.
  virtual void restore(const Json& position) = 0;

  /// Whole passes through the data so far; of several sources, through all of them on average.
  virtual double epochs() const = 0;
};

}  // namespace jielong
