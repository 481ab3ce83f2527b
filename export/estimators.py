"""The one table of estimators: what converts each, within which tolerance, or why it is refused.

It is found by the exact class: a subclass may have changed anything, and is not in the table. Every
converter has the same shape:

    convert(estimator, features, scope) -> {output: tensor}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skerry.export.converters import (
    ada_boost,
    bagging,
    bayes,
    binary_problems,
    binning,
    calibration,
    catboost_trees,
    clusters,
    composition,
    consensus,
    decision_threshold,
    density,
    donors,
    dummies,
    encoding,
    forest,
    functions,
    gaussian_process,
    gradient_boosting,
    hist_gradient_boosting,
    imputation,
    isolation,
    isotonic,
    kernel_features,
    label_encoding,
    label_spreading,
    lightgbm_trees,
    linear,
    manifolds,
    mixtures,
    multi_output,
    neighbors,
    neural,
    polynomials,
    power,
    projection,
    quantiles,
    records,
    scaling,
    selection,
    sparse_coding,
    splines,
    stacking,
    support_vectors,
    target,
    text,
    topics,
    voting,
    xgboost_trees,
)
from skerry.export.converters.scope import Scope
from skerry.export.converters.stock import stock
from skerry.export.graph import Features, Outputs, Trace

Converter = Callable[[Any, Features, Scope], Outputs]

EXACT, ROUNDED = 1e-9, 1e-6
"""What is asked for where the user does not say: of models that compute in float64 throughout, and of those where
float32 is involved, by the data or by skl2onnx."""


@dataclass(frozen=True)
class Entry:
    """One estimator: its converter (None: refused), the tolerance of its scores on float64 rows, and a ``note``:
    why it is refused, or which of its settings are."""

    convert: Converter | None
    tolerance: float = EXACT
    note: str = ""


def _refused(why: str) -> Entry:
    return Entry(None, note=why)


_CATBOOST = "no texts, embeddings, labels of several kinds, or categories that the rows given have not"
_LIGHTGBM = "no objective of one's own, no linear_tree, no pred_early_stop"
_XGBOOST = "no objective of one's own, survival:aft, multi_output_tree, or categories that training had not"

ESTIMATORS: dict[str, Entry] = {
    # estimators made of estimators
    "sklearn.AdaBoostClassifier": Entry(ada_boost.ada_boost_classifier),
    "sklearn.AdaBoostRegressor": Entry(ada_boost.ada_boost_regressor),
    "sklearn.BaggingClassifier": Entry(bagging.bagging_classifier),
    "sklearn.BaggingRegressor": Entry(bagging.bagging_regressor),
    "sklearn.CalibratedClassifierCV": Entry(calibration.calibrated_classifier),
    "sklearn.ClassifierChain": Entry(multi_output.chain, note="targets of two classes"),
    "sklearn.ColumnTransformer": Entry(composition.column_transformer),
    "sklearn.FeatureUnion": Entry(composition.feature_union),
    "sklearn.FixedThresholdClassifier": Entry(decision_threshold.fixed_threshold),
    "sklearn.FrozenEstimator": Entry(composition.frozen),
    "sklearn.GridSearchCV": Entry(composition.best_estimator),
    "sklearn.HalvingGridSearchCV": Entry(composition.best_estimator),
    "sklearn.HalvingRandomSearchCV": Entry(composition.best_estimator),
    "sklearn.IsolationForest": Entry(isolation.isolation_forest),
    "sklearn.MultiOutputClassifier": Entry(multi_output.multi_output_classifier),
    "sklearn.MultiOutputRegressor": Entry(multi_output.multi_output_regressor),
    "sklearn.OneVsOneClassifier": Entry(binary_problems.one_vs_one),
    "sklearn.OneVsRestClassifier": Entry(binary_problems.one_vs_rest),
    "sklearn.OutputCodeClassifier": Entry(binary_problems.output_code),
    "sklearn.Pipeline": Entry(composition.pipeline),
    "sklearn.RandomizedSearchCV": Entry(composition.best_estimator),
    "sklearn.RandomTreesEmbedding": Entry(isolation.random_trees_embedding),
    "sklearn.RANSACRegressor": Entry(consensus.ransac),
    "sklearn.RegressorChain": Entry(multi_output.chain),
    "sklearn.SelfTrainingClassifier": Entry(composition.self_training),
    "sklearn.StackingClassifier": Entry(stacking.stacking_classifier, note="one target"),
    "sklearn.StackingRegressor": Entry(stacking.stacking_regressor),
    "sklearn.TransformedTargetRegressor": Entry(target.transformed_target_regressor, note="scalers, PowerTransformer, uniform QuantileTransformer, pipelines of them; NumPy's functions"),
    "sklearn.TunedThresholdClassifierCV": Entry(decision_threshold.tuned_threshold),
    "sklearn.VotingClassifier": Entry(voting.voting_classifier, note="no transform with flatten_transform=False, no negative weights of hard votes"),
    "sklearn.VotingRegressor": Entry(voting.voting_regressor),
    # preprocessing and encoding
    "sklearn.Binarizer": Entry(binning.binarizer),
    "sklearn.FunctionTransformer": Entry(
        functions.function_transformer, note="only elementwise functions of NumPy, without arguments"
    ),
    "sklearn.IsotonicRegression": Entry(isotonic.isotonic_regression),
    "sklearn.IterativeImputer": Entry(imputation.iterative_imputer, note="no sample_posterior"),
    "sklearn.KBinsDiscretizer": Entry(binning.k_bins_discretizer),
    "sklearn.LabelBinarizer": _refused("how many columns it answers with hangs on the other rows of the batch"),
    "sklearn.LabelEncoder": Entry(label_encoding.label_encoder, note="numbers, or strings of dtype object"),
    "sklearn.MaxAbsScaler": Entry(scaling.max_abs_scaler),
    "sklearn.MinMaxScaler": Entry(scaling.min_max_scaler),
    "sklearn.MissingIndicator": Entry(imputation.missing_indicator),
    "sklearn.Normalizer": Entry(scaling.normalizer),
    "sklearn.OneHotEncoder": Entry(encoding.one_hot_encoder),
    "sklearn.OrdinalEncoder": Entry(encoding.ordinal_encoder),
    "sklearn.PolynomialFeatures": Entry(polynomials.polynomial_features),
    "sklearn.PowerTransformer": Entry(power.power_transformer),
    "sklearn.QuantileTransformer": Entry(quantiles.quantile_transformer),
    "sklearn.RobustScaler": Entry(scaling.robust_scaler),
    "sklearn.SimpleImputer": Entry(imputation.simple_imputer),
    "sklearn.SplineTransformer": Entry(splines.spline_transformer),
    "sklearn.StandardScaler": Entry(scaling.standard_scaler),
    "sklearn.TargetEncoder": Entry(encoding.target_encoder),
    "sklearn.MultiLabelBinarizer": _refused("a row is a set of labels of any kind, which has no form on the wire"),
    # texts and records
    "sklearn.CountVectorizer": Entry(text.count_vectorizer, note="no tokenizer, preprocessor or analyzer of one's own"),
    "sklearn.DictVectorizer": Entry(records.dict_vectorizer, note="names that are strings, float32 or float64"),
    "sklearn.FeatureHasher": Entry(
        records.feature_hasher, note="float32 or float64; to answer itself, n_features of at most 131,072"
    ),
    "sklearn.HashingVectorizer": Entry(
        text.hashing_vectorizer,
        note="no tokenizer, preprocessor or analyzer of one's own; to answer itself, n_features of at most 131,072",
    ),
    "sklearn.TfidfTransformer": Entry(text.tfidf_transformer),
    "sklearn.TfidfVectorizer": Entry(text.tfidf_vectorizer, note="no tokenizer, preprocessor or analyzer of one's own"),
    # feature selection
    "sklearn.GenericUnivariateSelect": Entry(selection.selector),
    "sklearn.RFE": Entry(selection.recursive_elimination),
    "sklearn.RFECV": Entry(selection.recursive_elimination),
    "sklearn.SelectFdr": Entry(selection.selector),
    "sklearn.SelectFpr": Entry(selection.selector),
    "sklearn.SelectFromModel": Entry(selection.selector),
    "sklearn.SelectFwe": Entry(selection.selector),
    "sklearn.SelectKBest": Entry(selection.selector),
    "sklearn.SelectPercentile": Entry(selection.selector),
    "sklearn.SequentialFeatureSelector": Entry(selection.selector),
    "sklearn.VarianceThreshold": Entry(selection.selector),
    # projections and decompositions
    "sklearn.BernoulliRBM": Entry(projection.restricted_boltzmann, note="transform; score_samples draws at random"),
    "sklearn.CCA": Entry(projection.partial_least_squares),
    "sklearn.DictionaryLearning": Entry(sparse_coding.coder, note="transform_algorithm='threshold', and 'omp' of few atoms"),
    "sklearn.FactorAnalysis": Entry(projection.factor_analysis),
    "sklearn.FastICA": Entry(projection.fast_ica),
    "sklearn.GaussianRandomProjection": Entry(projection.components),
    "sklearn.IncrementalPCA": Entry(projection.pca),
    "sklearn.LatentDirichletAllocation": Entry(topics.latent_dirichlet),
    "sklearn.MiniBatchDictionaryLearning": Entry(sparse_coding.coder, note="transform_algorithm='threshold', and 'omp' of few atoms"),
    "sklearn.MiniBatchNMF": _refused("its iteration starts and stops by all rows of a batch together, so a row has no answer of its own"),
    "sklearn.MiniBatchSparsePCA": Entry(projection.sparse_pca),
    "sklearn.NMF": _refused("its iteration stops by the progress of all rows of a batch together, so a row has no answer of its own"),
    "sklearn.NeighborhoodComponentsAnalysis": Entry(neighbors.neighborhood_components),
    "sklearn.PCA": Entry(projection.pca),
    "sklearn.PLSCanonical": Entry(projection.partial_least_squares),
    "sklearn.PLSRegression": Entry(projection.partial_least_squares),
    "sklearn.PLSSVD": Entry(projection.partial_least_squares_svd),
    "sklearn.SparseCoder": Entry(sparse_coding.coder, note="transform_algorithm='threshold', and 'omp' of few atoms"),
    "sklearn.SparsePCA": Entry(projection.sparse_pca),
    "sklearn.SparseRandomProjection": Entry(projection.components),
    "sklearn.TruncatedSVD": Entry(projection.components),
    # linear models
    "sklearn.ARDRegression": Entry(linear.linear_regressor),
    "sklearn.BayesianRidge": Entry(linear.linear_regressor),
    "sklearn.ElasticNet": Entry(linear.linear_regressor),
    "sklearn.ElasticNetCV": Entry(linear.linear_regressor),
    "sklearn.GammaRegressor": Entry(linear.generalized_linear_regressor),
    "sklearn.HuberRegressor": Entry(linear.linear_regressor),
    "sklearn.Lars": Entry(linear.linear_regressor),
    "sklearn.LarsCV": Entry(linear.linear_regressor),
    "sklearn.Lasso": Entry(linear.linear_regressor),
    "sklearn.LassoCV": Entry(linear.linear_regressor),
    "sklearn.LassoLars": Entry(linear.linear_regressor),
    "sklearn.LassoLarsCV": Entry(linear.linear_regressor),
    "sklearn.LassoLarsIC": Entry(linear.linear_regressor),
    "sklearn.LinearDiscriminantAnalysis": Entry(linear.linear_discriminant),
    "sklearn.LinearRegression": Entry(linear.linear_regressor),
    "sklearn.LinearSVC": Entry(linear.linear_classifier),
    "sklearn.LinearSVR": Entry(linear.linear_regressor),
    "sklearn.LogisticRegression": Entry(linear.logistic_regression),
    "sklearn.LogisticRegressionCV": Entry(linear.logistic_regression),
    "sklearn.MultiTaskElasticNet": Entry(linear.linear_regressor),
    "sklearn.MultiTaskElasticNetCV": Entry(linear.linear_regressor),
    "sklearn.MultiTaskLasso": Entry(linear.linear_regressor),
    "sklearn.MultiTaskLassoCV": Entry(linear.linear_regressor),
    "sklearn.OrthogonalMatchingPursuit": Entry(linear.linear_regressor),
    "sklearn.OrthogonalMatchingPursuitCV": Entry(linear.linear_regressor),
    "sklearn.PassiveAggressiveClassifier": Entry(linear.linear_classifier),
    "sklearn.PassiveAggressiveRegressor": Entry(linear.linear_regressor),
    "sklearn.Perceptron": Entry(linear.linear_classifier),
    "sklearn.PoissonRegressor": Entry(linear.generalized_linear_regressor),
    "sklearn.QuantileRegressor": Entry(linear.linear_regressor),
    "sklearn.Ridge": Entry(linear.linear_regressor),
    "sklearn.RidgeClassifier": Entry(linear.linear_classifier),
    "sklearn.RidgeClassifierCV": Entry(linear.linear_classifier),
    "sklearn.RidgeCV": Entry(linear.linear_regressor),
    "sklearn.SGDClassifier": Entry(linear.sgd_classifier),
    "sklearn.SGDRegressor": Entry(linear.linear_regressor),
    "sklearn.TheilSenRegressor": Entry(linear.linear_regressor),
    "sklearn.TweedieRegressor": Entry(linear.generalized_linear_regressor),
    # trees and ensembles of trees
    "sklearn.DecisionTreeClassifier": Entry(forest.forest_classifier),
    "sklearn.DecisionTreeRegressor": Entry(forest.forest_regressor),
    "sklearn.ExtraTreeClassifier": Entry(forest.forest_classifier),
    "sklearn.ExtraTreeRegressor": Entry(forest.forest_regressor),
    "sklearn.ExtraTreesClassifier": Entry(forest.forest_classifier),
    "sklearn.ExtraTreesRegressor": Entry(forest.forest_regressor),
    "sklearn.GradientBoostingClassifier": Entry(gradient_boosting.gradient_boosting_classifier),
    "sklearn.GradientBoostingRegressor": Entry(gradient_boosting.gradient_boosting_regressor),
    "sklearn.HistGradientBoostingClassifier": Entry(hist_gradient_boosting.hist_gradient_boosting_classifier),
    "sklearn.HistGradientBoostingRegressor": Entry(hist_gradient_boosting.hist_gradient_boosting_regressor),
    "sklearn.RandomForestClassifier": Entry(forest.forest_classifier),
    "sklearn.RandomForestRegressor": Entry(forest.forest_regressor),
    # kernels
    "sklearn.AdditiveChi2Sampler": Entry(kernel_features.additive_chi2_sampler),
    "sklearn.GaussianProcessClassifier": Entry(gaussian_process.gaussian_process_classifier, note="not CompoundKernel, Matern of other nu, kernels of one's own"),
    "sklearn.GaussianProcessRegressor": Entry(gaussian_process.gaussian_process_regressor, note="not CompoundKernel, Matern of other nu, kernels of one's own"),
    "sklearn.KernelCenterer": Entry(kernel_features.kernel_centerer),
    "sklearn.KernelPCA": Entry(kernel_features.kernel_pca, note="no kernel of one's own"),
    "sklearn.KernelRidge": Entry(kernel_features.kernel_ridge, note="no kernel of one's own"),
    "sklearn.NuSVC": Entry(support_vectors.support_vector_classifier, note="no kernel of one's own"),
    "sklearn.NuSVR": Entry(support_vectors.support_vector_regressor, note="no kernel of one's own"),
    "sklearn.Nystroem": Entry(kernel_features.nystroem, note="no kernel of one's own"),
    "sklearn.OneClassSVM": Entry(support_vectors.one_class, note="no kernel of one's own"),
    "sklearn.PolynomialCountSketch": Entry(kernel_features.polynomial_count_sketch),
    "sklearn.RBFSampler": Entry(kernel_features.rbf_sampler),
    "sklearn.SGDOneClassSVM": Entry(support_vectors.sgd_one_class),
    "sklearn.SVC": Entry(support_vectors.support_vector_classifier, note="no kernel of one's own"),
    "sklearn.SVR": Entry(support_vectors.support_vector_regressor, note="no kernel of one's own"),
    "sklearn.SkewedChi2Sampler": Entry(kernel_features.skewed_chi2_sampler),
    # naive Bayes, mixtures and other models of probability
    "sklearn.BayesianGaussianMixture": Entry(mixtures.gaussian_mixture),
    "sklearn.BernoulliNB": Entry(bayes.bernoulli),
    "sklearn.CategoricalNB": Entry(bayes.categorical),
    "sklearn.ComplementNB": Entry(bayes.complement),
    "sklearn.DummyClassifier": Entry(dummies.dummy_classifier, note="no stratified; of uniform, predict_proba"),
    "sklearn.DummyRegressor": Entry(dummies.dummy_regressor),
    "sklearn.EllipticEnvelope": Entry(mixtures.elliptic_envelope),
    "sklearn.GaussianMixture": Entry(mixtures.gaussian_mixture),
    "sklearn.GaussianNB": Entry(bayes.gaussian),
    "sklearn.MultinomialNB": Entry(bayes.multinomial),
    "sklearn.QuadraticDiscriminantAnalysis": Entry(mixtures.quadratic_discriminant),
    # neural networks
    "sklearn.MLPClassifier": Entry(neural.perceptron_classifier),
    "sklearn.MLPRegressor": Entry(neural.perceptron_regressor),
    # neighbours and clusters
    "sklearn.AffinityPropagation": Entry(clusters.nearest_centre, note="not with affinity='precomputed'"),
    "sklearn.Birch": Entry(clusters.birch),
    "sklearn.BisectingKMeans": Entry(clusters.bisecting_k_means),
    "sklearn.FeatureAgglomeration": Entry(clusters.feature_agglomeration, note="pooling by np.mean, max, min or sum"),
    "sklearn.Isomap": Entry(manifolds.isomap, note="not with a radius"),
    "sklearn.KMeans": Entry(clusters.k_means),
    "sklearn.KNNImputer": Entry(donors.knn_imputer, note="float64 rows, gaps that are NaN, no weights of one's own"),
    "sklearn.KNeighborsClassifier": Entry(neighbors.k_neighbors_classifier, note=neighbors.METRICS_CONVERTED),
    "sklearn.KNeighborsRegressor": Entry(neighbors.k_neighbors_regressor, note=neighbors.METRICS_CONVERTED),
    "sklearn.KNeighborsTransformer": Entry(neighbors.k_neighbors_transformer, note=neighbors.METRICS_CONVERTED),
    "sklearn.KernelDensity": Entry(density.kernel_density, note="not with atol or rtol"),
    "sklearn.LabelPropagation": Entry(label_spreading.label_propagation, note="no kernel of one's own"),
    "sklearn.LabelSpreading": Entry(label_spreading.label_propagation, note="no kernel of one's own"),
    "sklearn.LocallyLinearEmbedding": Entry(manifolds.locally_linear_embedding, note="not of float32 rows"),
    "sklearn.LocalOutlierFactor": Entry(neighbors.local_outlier_factor, note=neighbors.METRICS_CONVERTED),
    "sklearn.MeanShift": Entry(clusters.nearest_centre),
    "sklearn.MiniBatchKMeans": Entry(clusters.k_means),
    "sklearn.NearestCentroid": Entry(clusters.nearest_centroid),
    "sklearn.RadiusNeighborsClassifier": Entry(neighbors.radius_neighbors_classifier, note=neighbors.METRICS_CONVERTED),
    "sklearn.RadiusNeighborsRegressor": Entry(neighbors.radius_neighbors_regressor, note=neighbors.METRICS_CONVERTED),
    "sklearn.RadiusNeighborsTransformer": Entry(neighbors.radius_neighbors_transformer, note=neighbors.METRICS_CONVERTED),
    # boosting libraries
    "catboost.CatBoostClassifier": Entry(catboost_trees.catboost_classifier, note=_CATBOOST),
    "catboost.CatBoostRanker": Entry(catboost_trees.catboost_regressor, note=_CATBOOST),
    "catboost.CatBoostRegressor": Entry(catboost_trees.catboost_regressor, note=_CATBOOST),
    "lightgbm.LGBMClassifier": Entry(lightgbm_trees.lightgbm_classifier, note=_LIGHTGBM),
    "lightgbm.LGBMRanker": Entry(lightgbm_trees.lightgbm_regressor, note=_LIGHTGBM),
    "lightgbm.LGBMRegressor": Entry(lightgbm_trees.lightgbm_regressor, note=_LIGHTGBM),
    "xgboost.XGBClassifier": Entry(xgboost_trees.xgboost_classifier, ROUNDED, note=_XGBOOST),
    "xgboost.XGBRanker": Entry(xgboost_trees.xgboost_regressor, ROUNDED, note=_XGBOOST),
    "xgboost.XGBRegressor": Entry(xgboost_trees.xgboost_regressor, ROUNDED, note=_XGBOOST),
    "xgboost.XGBRFClassifier": Entry(xgboost_trees.xgboost_classifier, ROUNDED, note=_XGBOOST),
    "xgboost.XGBRFRegressor": Entry(xgboost_trees.xgboost_regressor, ROUNDED, note=_XGBOOST),
}


def entry_of(estimator: Any) -> Entry | None:
    """The estimator's line of the table, by its exact class."""
    kind = type(estimator)
    return ESTIMATORS.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")


def convert(estimator: Any, features: Features, scope: Scope) -> Outputs:
    """Convert a fitted estimator that is fed with ``features``.

    Raises:
        UnsupportedEstimator: it, or one of its settings, has no exact conversion.
    """
    entry = entry_of(estimator)
    if entry is None:
        raise scope.refuse(
            estimator,
            f"class {type(estimator).__module__}.{type(estimator).__qualname__} is not in Skerry's table of estimators, "
            "so nothing is known of what it computes",
        )
    if entry.convert is None:
        raise scope.refuse(estimator, entry.note)
    outputs = entry.convert(estimator, features, scope)
    scope.graph.tolerance = max(scope.graph.tolerance, entry.tolerance)
    scope.graph.traces.append(Trace(scope.where(estimator), estimator, scope.rows, outputs))
    return outputs
