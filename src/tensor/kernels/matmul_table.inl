// The table of one instruction set, once multiply_quantized<Format>() is defined. See
// matmul.inl.

const MatmulKernels matmul_kernels = {
    .multiply =
        {
            multiply_plain<PlainF32>,
            multiply_plain<PlainF16>,
            multiply_plain<PlainBF16>,
            nullptr,  // f64
            nullptr,  // i8
            nullptr,  // i16
            nullptr,  // i32
            nullptr,  // i64
            multiply_quantized<FormatQ4_0>,
            multiply_quantized<FormatQ4_1>,
            multiply_quantized<FormatQ5_0>,
            multiply_quantized<FormatQ5_1>,
            multiply_quantized<FormatQ8_0>,
            multiply_quantized<FormatQ2_K>,
            multiply_quantized<FormatQ3_K>,
            multiply_quantized<FormatQ4_K>,
            multiply_quantized<FormatQ5_K>,
            multiply_quantized<FormatQ6_K>,
            multiply_quantized<FormatIQ4_NL>,
            multiply_quantized<FormatIQ4_XS>,
        },
    .convert = {convert_f32, convert_block32, convert_block256},
    .biased = kBiased,
};
