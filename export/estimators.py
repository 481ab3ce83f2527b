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
    clipped,
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
    scored,
    selection,
    sparse_coding,
    splines,
    stacking,
    stock,
    support_vectors,
    target,
    text,
    topics,
    tree_sum,
    voting,
    xgboost_trees,
)
from skerry.export.converters.scope import Scope
from skerry.export.converters.ties import EXACT, ROUNDED
from skerry.export.graph import Features, Outputs, Trace

Converter = Callable[[Any, Features, Scope], Outputs]


@dataclass(frozen=True)
class Entry:
    """One estimator: its converter (None: refused), the tolerance of its scores on float64 rows, and a ``note``:
    why it is refused, or which of its settings are."""

    convert: Converter | None
    tolerance: float = EXACT
    note: str = ""


def _refused(why: str) -> Entry:
    return Entry(None, note=why)


_CATBOOST = "no texts or embeddings, no loss of several labels or with uncertainty, no probability threshold of one's own, no categories that the rows given have not"
_LIGHTGBM = "no objective of one's own, no linear_tree, no pred_early_stop"
_SELECTION = "not where it selects no column"
_XGBOOST = "no objective of one's own, survival:aft, multi_output_tree, or categories that training had not"

ESTIMATORS: dict[str, Entry] = {
    # estimators made of estimators
    "sklearn.AdaBoostClassifier": Entry(ada_boost.ada_boost_classifier),
    "sklearn.AdaBoostRegressor": Entry(ada_boost.ada_boost_regressor),
    "sklearn.BaggingClassifier": Entry(bagging.bagging_classifier, note="no strings beside numbers"),
    "sklearn.BaggingRegressor": Entry(bagging.bagging_regressor, note="no strings beside numbers"),
    "sklearn.CalibratedClassifierCV": Entry(calibration.calibrated_classifier),
    "sklearn.ClassifierChain": Entry(multi_output.chain, note="no target of one class, or of more than two"),
    "sklearn.ColumnTransformer": Entry(composition.column_transformer, note="not where it drops every column"),
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
    "sklearn.StackingClassifier": Entry(stacking.stacking_classifier, note="no more than one target"),
    "sklearn.StackingRegressor": Entry(stacking.stacking_regressor),
    "sklearn.TransformedTargetRegressor": Entry(
        target.transformed_target_regressor,
        note="no transformer but scalers, PowerTransformer, QuantileTransformer to 'uniform', NumPy's functions, and pipelines of them",
    ),
    "sklearn.TunedThresholdClassifierCV": Entry(decision_threshold.tuned_threshold),
    "sklearn.VotingClassifier": Entry(
        voting.voting_classifier, note="no negative weights of hard votes; no transform with flatten_transform=False"
    ),
    "sklearn.VotingRegressor": Entry(voting.voting_regressor),
    # preprocessing and encoding
    "sklearn.Binarizer": Entry(binning.binarizer),
    "sklearn.FunctionTransformer": Entry(
        functions.function_transformer, note="no functions but NumPy's elementwise ones, no kw_args"
    ),
    "sklearn.IsotonicRegression": Entry(isotonic.isotonic_regression),
    "sklearn.IterativeImputer": Entry(
        imputation.iterative_imputer, note="no sample_posterior; no column without values, where it is kept"
    ),
    "sklearn.KBinsDiscretizer": Entry(binning.k_bins_discretizer),
    "sklearn.LabelBinarizer": Entry(label_encoding.label_binarizer, note="no fewer than three classes"),
    "sklearn.LabelEncoder": Entry(
        label_encoding.label_encoder, note="no strings of fixed width (dtype <U), no integers of 2**53 and beyond"
    ),
    "sklearn.MaxAbsScaler": Entry(scaling.max_abs_scaler),
    "sklearn.MinMaxScaler": Entry(scaling.min_max_scaler),
    "sklearn.MissingIndicator": Entry(
        imputation.missing_indicator,
        note="of strings no missing_values but NaN and None; not where no value was missing in training",
    ),
    "sklearn.Normalizer": Entry(scaling.normalizer),
    "sklearn.OneHotEncoder": Entry(
        encoding.one_hot_encoder, note="no categories of mixed types, no integers of 2**53 and beyond"
    ),
    "sklearn.OrdinalEncoder": Entry(
        encoding.ordinal_encoder, note="no categories of mixed types, no integers of 2**53 and beyond"
    ),
    "sklearn.PolynomialFeatures": Entry(polynomials.polynomial_features),
    "sklearn.PatchExtractor": _refused("it takes images, and answers each with many patches, not with one row"),
    "sklearn.PowerTransformer": Entry(power.power_transformer),
    "sklearn.QuantileTransformer": Entry(quantiles.quantile_transformer),
    "sklearn.RobustScaler": Entry(scaling.robust_scaler),
    "sklearn.SimpleImputer": Entry(
        imputation.simple_imputer,
        note="of strings no missing_values but NaN and None; no column without values, where it is kept",
    ),
    "sklearn.SplineTransformer": Entry(
        splines.spline_transformer,
        note="not the settings for which scikit-learn itself errs: degree=0 with sparse output or extrapolation='constant'; of several columns degree<=1 with 'linear', and handle_missing='zeros' with sparse output",
    ),
    "sklearn.StandardScaler": Entry(scaling.standard_scaler),
    "sklearn.TargetEncoder": Entry(
        encoding.target_encoder, note="no categories of mixed types, no integers of 2**53 and beyond"
    ),
    "sklearn.MultiLabelBinarizer": _refused("a row is a set of labels of any kind, which has no form on the wire"),
    # texts and records
    "sklearn.CountVectorizer": Entry(
        text.count_vectorizer,
        note="no tokenizer, preprocessor, analyzer or strip_accents of one's own; no files; only rows, or a column of them, as they came",
    ),
    "sklearn.DictVectorizer": Entry(
        records.dict_vectorizer, note="no names that are not strings; no dtype but float32 and float64"
    ),
    "sklearn.FeatureHasher": Entry(
        records.feature_hasher, note="no dtype but float32 and float64; to answer itself, no n_features above 131,072"
    ),
    "sklearn.HashingVectorizer": Entry(
        text.hashing_vectorizer,
        note="no tokenizer, preprocessor, analyzer or strip_accents of one's own; no files; no dtype but float32 and float64; to answer itself, no n_features above 131,072",
    ),
    "sklearn.TfidfTransformer": Entry(text.tfidf_transformer),
    "sklearn.TfidfVectorizer": Entry(
        text.tfidf_vectorizer,
        note="no tokenizer, preprocessor, analyzer or strip_accents of one's own; no files; only rows, or a column of them, as they came",
    ),
    # feature selection
    "sklearn.GenericUnivariateSelect": Entry(selection.selector, note=_SELECTION),
    "sklearn.RFE": Entry(selection.recursive_elimination),
    "sklearn.RFECV": Entry(selection.recursive_elimination),
    "sklearn.SelectFdr": Entry(selection.selector, note=_SELECTION),
    "sklearn.SelectFpr": Entry(selection.selector, note=_SELECTION),
    "sklearn.SelectFromModel": Entry(selection.selector, note=_SELECTION),
    "sklearn.SelectFwe": Entry(selection.selector, note=_SELECTION),
    "sklearn.SelectKBest": Entry(selection.selector, note=_SELECTION),
    "sklearn.SelectPercentile": Entry(selection.selector, note=_SELECTION),
    "sklearn.SequentialFeatureSelector": Entry(selection.selector),
    "sklearn.VarianceThreshold": Entry(selection.selector),
    # projections and decompositions
    "sklearn.BernoulliRBM": Entry(projection.restricted_boltzmann, note="no score_samples, which draws at random"),
    "sklearn.CCA": Entry(projection.partial_least_squares),
    "sklearn.DictionaryLearning": Entry(
        sparse_coding.coder, note="no transform_algorithm but 'threshold' and 'omp', and of 'omp' no more than 12 atoms"
    ),
    "sklearn.FactorAnalysis": Entry(projection.factor_analysis),
    "sklearn.FastICA": Entry(projection.fast_ica),
    "sklearn.GaussianRandomProjection": Entry(projection.components),
    "sklearn.IncrementalPCA": Entry(projection.pca, note=projection.IRREGULAR),
    "sklearn.LatentDirichletAllocation": Entry(topics.latent_dirichlet),
    "sklearn.MiniBatchDictionaryLearning": Entry(
        sparse_coding.coder, note="no transform_algorithm but 'threshold' and 'omp', and of 'omp' no more than 12 atoms"
    ),
    "sklearn.MiniBatchNMF": _refused(
        "its iteration starts and stops by all rows of a batch together, so a row has no answer of its own"
    ),
    "sklearn.MiniBatchSparsePCA": Entry(projection.sparse_pca),
    "sklearn.NMF": _refused(
        "its iteration stops by the progress of all rows of a batch together, so a row has no answer of its own"
    ),
    "sklearn.NeighborhoodComponentsAnalysis": Entry(neighbors.neighborhood_components),
    "sklearn.PCA": Entry(projection.pca, note=projection.IRREGULAR),
    "sklearn.PLSCanonical": Entry(projection.partial_least_squares),
    "sklearn.PLSRegression": Entry(projection.partial_least_squares),
    "sklearn.PLSSVD": Entry(projection.partial_least_squares_svd),
    "sklearn.SparseCoder": Entry(
        sparse_coding.coder, note="no transform_algorithm but 'threshold' and 'omp', and of 'omp' no more than 12 atoms"
    ),
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
    "sklearn.GradientBoostingClassifier": Entry(
        gradient_boosting.gradient_boosting_classifier, note="no init that is an estimator"
    ),
    "sklearn.GradientBoostingRegressor": Entry(
        gradient_boosting.gradient_boosting_regressor, note="no init that is an estimator"
    ),
    "sklearn.HistGradientBoostingClassifier": Entry(hist_gradient_boosting.hist_gradient_boosting_classifier),
    "sklearn.HistGradientBoostingRegressor": Entry(hist_gradient_boosting.hist_gradient_boosting_regressor),
    "sklearn.RandomForestClassifier": Entry(forest.forest_classifier),
    "sklearn.RandomForestRegressor": Entry(forest.forest_regressor),
    # kernels
    "sklearn.AdditiveChi2Sampler": Entry(kernel_features.additive_chi2_sampler),
    "sklearn.GaussianProcessClassifier": Entry(
        gaussian_process.gaussian_process_classifier,
        note="no CompoundKernel, no Matern but of nu 0.5, 1.5, 2.5 and inf, no kernel of one's own",
    ),
    "sklearn.GaussianProcessRegressor": Entry(
        gaussian_process.gaussian_process_regressor,
        note="no CompoundKernel, no Matern but of nu 0.5, 1.5, 2.5 and inf, no kernel of one's own",
    ),
    "sklearn.KernelCenterer": Entry(kernel_features.kernel_centerer),
    "sklearn.KernelPCA": Entry(kernel_features.kernel_pca, note="no kernel of one's own"),
    "sklearn.KernelRidge": Entry(kernel_features.kernel_ridge, note="no kernel of one's own"),
    "sklearn.NuSVC": Entry(
        support_vectors.support_vector_classifier,
        note="no kernel of one's own; no break_ties with decision_function_shape='ovo'",
    ),
    "sklearn.NuSVR": Entry(support_vectors.support_vector_regressor, note="no kernel of one's own"),
    "sklearn.Nystroem": Entry(kernel_features.nystroem, note="no kernel of one's own"),
    "sklearn.OneClassSVM": Entry(support_vectors.one_class, note="no kernel of one's own"),
    "sklearn.PolynomialCountSketch": Entry(kernel_features.polynomial_count_sketch),
    "sklearn.RBFSampler": Entry(kernel_features.rbf_sampler),
    "sklearn.SGDOneClassSVM": Entry(support_vectors.sgd_one_class),
    "sklearn.SVC": Entry(
        support_vectors.support_vector_classifier,
        note="no kernel of one's own; no break_ties with decision_function_shape='ovo'",
    ),
    "sklearn.SVR": Entry(support_vectors.support_vector_regressor, note="no kernel of one's own"),
    "sklearn.SkewedChi2Sampler": Entry(kernel_features.skewed_chi2_sampler),
    # naive Bayes, mixtures and other models of probability
    "sklearn.BayesianGaussianMixture": Entry(mixtures.gaussian_mixture, note="no rows of booleans"),
    "sklearn.BernoulliNB": Entry(bayes.bernoulli),
    "sklearn.CategoricalNB": Entry(bayes.categorical),
    "sklearn.ComplementNB": Entry(bayes.complement),
    "sklearn.DummyClassifier": Entry(
        dummies.dummy_classifier, note="no strategy='stratified'; of 'uniform' no predict, which draws at random"
    ),
    "sklearn.DummyRegressor": Entry(dummies.dummy_regressor),
    "sklearn.EllipticEnvelope": Entry(mixtures.elliptic_envelope),
    "sklearn.GaussianMixture": Entry(mixtures.gaussian_mixture, note="no rows of booleans"),
    "sklearn.GaussianNB": Entry(bayes.gaussian),
    "sklearn.MultinomialNB": Entry(bayes.multinomial),
    "sklearn.QuadraticDiscriminantAnalysis": Entry(mixtures.quadratic_discriminant),
    # neural networks
    "sklearn.MLPClassifier": Entry(neural.perceptron_classifier),
    "sklearn.MLPRegressor": Entry(neural.perceptron_regressor),
    # neighbours and clusters
    "sklearn.AffinityPropagation": Entry(
        clusters.nearest_centre, note="no affinity='precomputed'; not where it did not converge"
    ),
    "sklearn.Birch": Entry(clusters.birch),
    "sklearn.BisectingKMeans": Entry(
        clusters.bisecting_k_means, note="not with a single cluster; no rows of another dtype than in training"
    ),
    "sklearn.FeatureAgglomeration": Entry(
        clusters.feature_agglomeration, note="no pooling_func but np.mean, max, min and sum"
    ),
    "sklearn.Isomap": Entry(manifolds.isomap, note="no radius; no float32 rows"),
    "sklearn.KMeans": Entry(clusters.k_means, note="no rows of another dtype than in training"),
    "sklearn.KNNImputer": Entry(
        donors.knn_imputer, note="no float32 rows, no missing_values but NaN, no weights or metric of one's own"
    ),
    "sklearn.KNeighborsClassifier": Entry(neighbors.k_neighbors_classifier, note=neighbors.METRICS_CONVERTED),
    "sklearn.KNeighborsRegressor": Entry(neighbors.k_neighbors_regressor, note=neighbors.METRICS_CONVERTED),
    "sklearn.KNeighborsTransformer": Entry(neighbors.k_neighbors_transformer, note=neighbors.METRICS_CONVERTED),
    "sklearn.KernelDensity": Entry(
        density.kernel_density, note="no atol or rtol; no metric but euclidean, manhattan and chebyshev"
    ),
    "sklearn.LabelPropagation": Entry(label_spreading.label_propagation, note="no kernel of one's own"),
    "sklearn.LabelSpreading": Entry(label_spreading.label_propagation, note="no kernel of one's own"),
    "sklearn.LocallyLinearEmbedding": Entry(manifolds.locally_linear_embedding, note="no float32 rows"),
    "sklearn.LocalOutlierFactor": Entry(neighbors.local_outlier_factor, note=neighbors.METRICS_CONVERTED),
    "sklearn.MeanShift": Entry(clusters.nearest_centre),
    "sklearn.MiniBatchKMeans": Entry(clusters.k_means, note="no rows of another dtype than in training"),
    "sklearn.NearestCentroid": Entry(clusters.nearest_centroid),
    "sklearn.RadiusNeighborsClassifier": Entry(
        neighbors.radius_neighbors_classifier,
        note=f"{neighbors.METRICS_CONVERTED}; of one target without weights, no brute search by a metric but euclidean",
    ),
    "sklearn.RadiusNeighborsRegressor": Entry(
        neighbors.radius_neighbors_regressor, note=f"{neighbors.METRICS_CONVERTED}; no targets that are whole numbers"
    ),
    "sklearn.RadiusNeighborsTransformer": Entry(
        neighbors.radius_neighbors_transformer, note=neighbors.METRICS_CONVERTED
    ),
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
    # what compression makes
    "skerry.ClippedRegressor": Entry(clipped.clipped_regressor),
    "skerry.ScoredClassifier": Entry(scored.scored_classifier),
    "skerry.TreeSum": Entry(tree_sum.tree_sum),
}


def entry_of(estimator: Any) -> Entry | None:
    """The estimator's line of the table, by its exact class; or of one that is not in it, the converter its author
    registered in skl2onnx."""
    kind = type(estimator)
    entry = ESTIMATORS.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
    return entry or (Entry(stock.stock, ROUNDED) if stock.is_registered(kind) else None)


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
