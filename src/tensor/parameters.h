#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/thread_pool.h"

namespace jielong {

/// A tensor of θ that training may change: its f32 master values and their gradient.
struct Parameter {
  /// What optimizers tell apart: Muon takes matrices, weight decay spares vectors.
  enum class Role : std::uint8_t { matrix, embedding, vector };

  std::string name;  ///< GGUF's, as "blk.0.attn_q.weight"
  Role role = Role::matrix;
  std::int64_t rows = 0, columns = 0;  ///< (rows, columns); a vector has one row
  /// As files have it, outermost first: {n} for a vector, {experts, out, in} for experts.
  std::vector<std::int64_t> shape;
  float* values = nullptr;    ///< (rows, columns)
  float* gradient = nullptr;  ///< (rows, columns)
  bool trained = true;        ///< false: frozen, gradient is null

  std::int64_t count() const { return rows * columns; }
};

/// θ, by name and by address. Layers know nothing of it: they hold views of the values, and a tape
/// finds a view's gradient by its address, whether it is a whole tensor, some rows of a fused one
/// or one of many experts.
class Parameters {
 public:
  /// A new tensor, values and gradient zero, in memory that stays where it is; its shape is
  /// {rows, columns}, or {columns} for a vector of one row, until it is set otherwise. Throws
  /// Error(bad_input) for a name that is taken or a shape without elements.
  Parameter& add(std::string name, Parameter::Role role, std::int64_t rows, std::int64_t columns);

  /// In the order in which they were added.
  std::deque<Parameter>& all() { return all_; }
  const std::deque<Parameter>& all() const { return all_; }
  /// Null when there is none of that name.
  Parameter* find(const std::string& name);
  std::int64_t count() const;
  /// Bytes that values and gradients take.
  std::size_t bytes() const;

  /// Where dL/d(values…) is summed, for an address inside some parameter's values; null when that
  /// is frozen or no parameter lies there.
  float* gradient_at(const float* values);
  /// The same for a step that can write the gradient of `count` values as well as add to it.
  struct Claim {
    float* gradient;
    bool first;  ///< nothing has been added since it was zeroed: write
  };
  Claim claim_gradient(const float* values, std::int64_t count);

  void zero_gradients(ThreadPool& pool);
  /// The same at the start of a training step, but gradients that were written, not added to, in
  /// the last step are left for this one to write again: zeroing them and reading the zeros would
  /// take as long as an eighth of AdamW. What nobody wrote is zeroed by settle_gradients(), which
  /// must be called before anything but a tape reads gradients.
  void forget_gradients(ThreadPool& pool);
  void settle_gradients(ThreadPool& pool);
  /// Freezes or frees a parameter; a frozen one keeps no gradient.
  void set_trained(Parameter& parameter, bool trained);

 private:
  struct Memory {
    std::shared_ptr<std::byte[]> values, gradient;
    bool untouched = true;   ///< nothing has been added since the gradient was zeroed or forgotten
    bool forgotten = false;  ///< the gradient counts as zero, whatever lies there
    bool claimed = false;    ///< the first to touch it wrote all of it
  };
  /// Index of the parameter whose values hold this address and which has a gradient; −1 for none.
  std::ptrdiff_t index_at(const float* values) const;

  std::deque<Parameter> all_;
  std::deque<Memory> memory_;  ///< of each of them
  std::map<const float*, std::size_t> by_address_;
  std::map<std::string, Parameter*> by_name_;
};

}  // namespace jielong
