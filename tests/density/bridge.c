/* A library with BridgeStan's entry points around y ~ normal(mu, s), mu and s free, s = exp(x[1]); and a matrix m[i, j] = 10 i + j. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct { double y; } bs_model;
int bs_major_version = MAJOR, bs_minor_version = MINOR, bs_patch_version = PATCH;

bs_model *bs_model_construct(const char *data, unsigned int seed, char **error) {
    bs_model *model = malloc(sizeof *model);
    model->y = data && *data ? atof(data) : 0.0;
    return model;
}
void bs_model_destruct(bs_model *model) { free(model); }
void bs_free_error_msg(char *error) { free(error); }
const char *bs_name(const bs_model *model) { return "bridge"; }
const char *bs_model_info(const bs_model *model) { return "STAN_THREADS=true"; }
const char *bs_param_names(const bs_model *model, bool more, bool most) { return "mu,s,m.1.1,m.2.1,m.1.2,m.2.2,m.1.3,m.2.3"; }
const char *bs_param_unc_names(const bs_model *model) { return "mu,s"; }
int bs_param_num(const bs_model *model, bool more, bool most) { return 8; }
int bs_param_unc_num(const bs_model *model) { return 2; }

int bs_param_constrain(const bs_model *model, bool more, bool most, const double *x, double *out, void *rng, char **error) {
    out[0] = x[0], out[1] = exp(x[1]);
    for (int k = 0; k < 6; k++) out[2 + k] = 10 * (k % 2 + 1) + k / 2 + 1;
    return 0;
}
int bs_param_unconstrain(const bs_model *model, const double *values, double *x, char **error) {
    x[0] = values[0], x[1] = log(values[1]);
    return 0;
}
int bs_log_density_gradient(
    const bs_model *model, bool propto, bool jacobian, const double *x, double *value, double *gradient, char **error) {
    double z = (model->y - x[0]) / exp(x[1]);
    if (x[0] > 100.0) { /* where Stan's C++ would throw */
        if (error) *error = strdup("mu is 100 at the most");
        return -1;
    }
    *value = -0.5 * z * z - x[1] + (jacobian ? x[1] : 0.0) - (propto ? 0.0 : 0.9189385332046727);
    gradient[0] = z / exp(x[1]);
    gradient[1] = z * z - 1.0 + (jacobian ? 1.0 : 0.0);
    return 0;
}
int bs_log_density(const bs_model *model, bool propto, bool jacobian, const double *x, double *value, char **error) {
    double slope[2];
    return bs_log_density_gradient(model, propto, jacobian, x, value, slope, error);
}
int bs_set_print_callback(void *callback, char **error) { return 0; }

/* What no density needs. */
int bs_param_unconstrain_json(void) { return -1; }
int bs_param_initialize(void) { return -1; }
int bs_log_density_hessian(void) { return -1; }
int bs_log_density_hessian_vector_product(void) { return -1; }
void *bs_rng_construct(void) { return NULL; }
void bs_rng_destruct(void *rng) {}
