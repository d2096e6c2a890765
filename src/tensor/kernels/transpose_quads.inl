// Included inside the namespace of an instruction set, after floats_quads.inl.

/// (16 rows, 16 floats) to (16 floats, 16 rows); rows are `stride` and `to_stride` floats apart.
JIELONG_KERNEL void transpose_16(const float* from, std::size_t stride, float* to,
                                 std::size_t to_stride) {
  for (std::size_t row = 0; row < 16; row += 4) {
    for (std::size_t column = 0; column < 16; column += 4) {
      const float* p = from + row * stride + column;
      const Quad x = quad_load(p), y = quad_load(p + stride);
      const Quad z = quad_load(p + 2 * stride), w = quad_load(p + 3 * stride);
      const Quad a = __builtin_shufflevector(x, y, 0, 4, 1, 5);
      const Quad b = __builtin_shufflevector(z, w, 0, 4, 1, 5);
      const Quad c = __builtin_shufflevector(x, y, 2, 6, 3, 7);
      const Quad d = __builtin_shufflevector(z, w, 2, 6, 3, 7);
      float* const out = to + column * to_stride + row;
      quad_store(out, __builtin_shufflevector(a, b, 0, 1, 4, 5));
      quad_store(out + to_stride, __builtin_shufflevector(a, b, 2, 3, 6, 7));
      quad_store(out + 2 * to_stride, __builtin_shufflevector(c, d, 0, 1, 4, 5));
      quad_store(out + 3 * to_stride, __builtin_shufflevector(c, d, 2, 3, 6, 7));
    }
  }
}
