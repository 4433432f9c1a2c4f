/* commands.h: the program's commands, one file each. Each takes the arguments after its name and gives an exit
 * status. */
#ifndef SROPE_CLI_COMMANDS_H
#define SROPE_CLI_COMMANDS_H

int cli_rank(int n, char **arguments);
int cli_score(int n, char **arguments);
int cli_train(int n, char **arguments);
int cli_ablate(int n, char **arguments);
int cli_bench(int n, char **arguments);
int cli_bench_rank(int n, char **arguments);
int cli_bench_train(int n, char **arguments);
int cli_spectrum(int n, char **arguments);
int cli_quantize(int n, char **arguments);
int cli_moments(int n, char **arguments);
int cli_eval(int n, char **arguments);
int cli_simulate(int n, char **arguments);
int cli_inspect(int n, char **arguments);
int cli_angles(int n, char **arguments);

/* Options that several commands have. */
#define CLI_OPTION_MODEL(target_)                                                                      \
  {                                                                                                    \
    .name = "--model", .argument = "FILE", .help = "the model, a .safetensors file", .kind = CLI_TEXT, \
    .target = (target_), .required = 1                                                                 \
  }
#define CLI_OPTION_ISA(target_)                                                                                \
  {                                                                                                            \
    .name = "--isa", .argument = "NAME", .help = "scalar, avx2, avx512 or neon, instead of the best there is", \
    .kind = CLI_TEXT, .target = (target_)                                                                      \
  }
#define CLI_OPTION_THREADS(target_, help_)                                                                   \
  {                                                                                                          \
    .name = "--threads", .argument = "N", .help = (help_), .kind = CLI_COUNT, .target = (target_), .low = 1, \
    .high = 1024                                                                                             \
  }

#endif
